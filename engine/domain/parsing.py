"""Parse the input of people and scripts into requests."""

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.domain.artifact import Version
from engine.domain.errors import UsageError
from engine.domain.operator import Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.path import NO_ENVIRONMENT, PromotionPath
from engine.domain.public_key import KeyReference, PublicKey
from engine.domain.request import (
    AcknowledgeRequest,
    LockRequest,
    PromotionRequest,
    ReleaseRequest,
    RestoreRequest,
    ReviewRequest,
    RollbackRequest,
    RotateRequest,
    UnlockRequest,
)
from engine.domain.text import printable, reason_text

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(
    "".join(rf"(?:(?P<{unit}>[0-9]{{1,8}}){unit})?" for unit in _UNITS), re.ASCII
)
_KEY_ID = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_INCIDENT = 100
_SHORTEST, _LONGEST = 60, 30 * 86400
# The most rollbacks of an environment to one version.
MOST_ROLLBACKS = 99_999


def parse_promotion_request(
    path: PromotionPath,
    version: str,
    source: str | None,
    target: str,
    operator: Operator,
    trace_id: str,
    overrides: Overrides = NO_OVERRIDES,
) -> PromotionRequest:
    """
    Parse a promotion by one step along `path`.

    Without `source` it is that of `target` on the path. `v1.2.3-dev` is parsed as `v1.2.3` when the
    source is `dev`. UsageError (2) for an invalid version, environment or reason,
    InvalidTransitionError (9) for a step that is not on the path.
    """
    source = path.source(target) if source is None else path.step(source, target)
    names = [each.name for each in path.sources(target)]
    suffix = next((f"-{name}" for name in names if version.endswith(f"-{name}")), "")
    parsed = parse_version(version.removesuffix(suffix))
    for name in (*(names or [NO_ENVIRONMENT]), target):
        _require_unambiguous(path, parsed, name)
    checked = _require_reason(overrides)
    return PromotionRequest(parsed, source, target, operator, trace_id, overrides=checked)


def parse_rollback_request(
    path: PromotionPath,
    version: str,
    target: str,
    operator: Operator,
    trace_id: str,
    reason: str | None,
    incident: str = "",
    *,
    quarantine: bool = True,
) -> RollbackRequest:
    """
    Parse a rollback of `target` to `version`, which may be given as its tag there (`v1.2.2-prod`).

    Only a dry run has no `reason` (None). UsageError (2) for an invalid version, environment or
    reason.
    """
    environment = path.environment(target)
    parsed = parse_version(version.removesuffix(f"-{target}"))
    _require_unambiguous(path, parsed, target)
    try:
        environment.rollback_tag(parsed, 10 * MOST_ROLLBACKS)
    except ValueError as error:
        raise UsageError(
            f"'{parsed}' is too long: its tag '{parsed}-{target}-rollback-<n>' may have at most "
            "128 characters"
        ) from error
    why = "" if reason is None else reason_text(reason)
    glass = incident.strip() or None
    return RollbackRequest(
        parsed, target, operator, trace_id, why, None, glass, quarantine=quarantine
    )


def parse_incident(break_glass: bool, incident: str) -> str:
    """Return the incident of a break-glass, and otherwise an empty text; UsageError if unclear."""
    text = incident.strip()
    if break_glass is not bool(text):
        raise UsageError("A break-glass names its incident: give --break-glass --incident INC-42")
    if len(text) > _INCIDENT or not text.isprintable():
        raise UsageError(f"An incident is one line of at most {_INCIDENT} characters")
    return text


def parse_review_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    record: str,
    reason: str,
    accepted: bool,
) -> ReviewRequest:
    """Parse a review; UsageError (2) for an invalid environment or reason."""
    name = path.environment(target).name
    return ReviewRequest(name, operator, trace_id, reason_text(reason), record, accepted)


def parse_lock_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    reason: str,
    duration: str | None = None,
) -> LockRequest:
    """
    Parse a lock of `target`, until it is unlocked or for `duration` (see `parse_lock_duration`).

    UsageError (2) for an invalid environment, reason or duration.
    """
    seconds = None if duration is None else parse_lock_duration(duration)
    name = path.environment(target).name
    return LockRequest(name, operator, trace_id, reason_text(reason), seconds)


def parse_unlock_request(
    path: PromotionPath, target: str, operator: Operator, trace_id: str, reason: str
) -> UnlockRequest:
    """Parse an unlock of `target`; UsageError (2) for an invalid environment or reason."""
    return UnlockRequest(path.environment(target).name, operator, trace_id, reason_text(reason))


def parse_restore_request(
    path: PromotionPath, target: str, operator: Operator, trace_id: str, reason: str | None
) -> RestoreRequest:
    """Parse a restore of `target`; UsageError (2) for an invalid environment or reason."""
    why = reason_text(reason) if reason else ""
    return RestoreRequest(path.environment(target).name, operator, trace_id, why)


def parse_acknowledge_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    sequence: int,
    reason: str,
) -> AcknowledgeRequest:
    """Parse an acknowledgement; UsageError (2) for an invalid environment, number or reason."""
    if sequence < 1:
        raise UsageError(f"{sequence} is not a number of an entry: the first one is 1")
    name = path.environment(target).name
    return AcknowledgeRequest(name, operator, trace_id, reason_text(reason), sequence)


def parse_release_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    version: str,
    reason: str,
) -> ReleaseRequest:
    """Parse a release; UsageError (2) for an invalid environment, version or reason."""
    name = path.environment(target).name
    parsed = parse_version(version.removesuffix(f"-{name}"))
    return ReleaseRequest(name, operator, trace_id, reason_text(reason), parsed)


def parse_rotate_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    add: Sequence[PublicKey],
    retire: Sequence[KeyReference],
    reason: str | None,
) -> RotateRequest:
    """Parse a rotation; UsageError (2) for an invalid environment, key ID or reason, or no key."""
    for key in retire:
        if isinstance(key, str) and not _KEY_ID.fullmatch(key):
            raise UsageError(
                f"'{printable(key)}' is not the ID of a key: write sha256: and 64 hex digits, "
                "as floe keys show prints them"
            )
    if not add and not retire:
        raise UsageError("A rotation adds or retires a key: give --add FILE or --retire KEY")
    name, why = path.environment(target).name, reason_text(reason) if reason else ""
    keys, leaving = tuple(dict.fromkeys(add)), tuple(dict.fromkeys(retire))
    return RotateRequest(name, operator, trace_id, why, keys, leaving)


def parse_lock_duration(text: str) -> int:
    """Parse the duration of a lock, a minute to 30 days, into seconds; UsageError otherwise."""
    seconds = parse_duration(text)
    if not _SHORTEST <= seconds <= _LONGEST:
        raise UsageError(
            f"'{printable(text)}' is not a valid duration of a lock: it lasts from 1m to 30d. "
            "Without a duration it lasts until the environment is unlocked",
            {"duration": text, "seconds": seconds},
        )
    return seconds


def parse_duration(text: str) -> int:
    """Parse `90s`, `30m`, `2h`, `1d` or `1h30m` into seconds; UsageError for other text."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not match[0]:
        raise UsageError(
            f"'{printable(text)}' is not a duration: write 30m, 2h, 1d or, combined, 1h30m",
            {"duration": text},
        )
    return sum(int(match[unit] or 0) * _UNITS[unit] for unit in _UNITS)


def parse_version(text: str) -> Version:
    """Parse a semantic version; UsageError with an example for other text."""
    if text == "latest" or text.startswith("latest-"):
        raise UsageError(
            f"'{printable(text)}' is not a version: it is a tag that moves. Name a version like "
            "v1.2.3"
        )
    try:
        return Version(text)
    except ValueError as error:
        raise UsageError(
            f"'{printable(text)}' is not a version: write a semantic version like v1.2.3, 1.2.3 or "
            "v1.2.3-rc.1, of at most 128 characters and without '+'",
            {"version": text},
        ) from error


def _require_reason(overrides: Overrides) -> Overrides:
    """Refuse overrides without a reason, and a reason without overrides."""
    overrides = replace(overrides, incident=overrides.incident.strip())
    if overrides:
        return replace(overrides, reason=reason_text(overrides.reason))
    if overrides.reason.strip():
        raise UsageError(
            "A promotion has a reason only with --allow-older, --override-rollback or "
            "--break-glass: leave it out"
        )
    return NO_OVERRIDES


def _require_unambiguous(path: PromotionPath, version: Version, environment: str) -> None:
    """Refuse a version whose tag parses as another version or environment."""
    try:
        if environment == NO_ENVIRONMENT:
            tag, expected = version.tag, None
        else:
            tag, expected = path.environment(environment).tag(version), (version, environment)
    except ValueError as error:
        raise UsageError(
            f"the tag '{version}-{environment}' is too long: at most 128 characters"
        ) from error
    reading = path.read(tag)
    found = (reading.version, reading.environment) if reading else None
    if found != expected or (reading and reading.rollback):
        meant = f"{reading.version} in {reading.environment}" if reading else "nothing"
        raise UsageError(
            f"'{version}' cannot be used here: its tag '{tag}' means {meant}",
            {"version": str(version), "tag": str(tag)},
        )
