"""Words to requests: the one place where what a person or script typed is understood."""

import re
from dataclasses import replace

from engine.domain.artifact import Version
from engine.domain.errors import UsageError
from engine.domain.operator import Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.path import NO_ENVIRONMENT, PromotionPath
from engine.domain.request import (
    LockRequest,
    PromotionRequest,
    RestoreRequest,
    RollbackRequest,
    UnlockRequest,
)
from engine.domain.text import printable, reason_text

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(
    "".join(rf"(?:(?P<{unit}>[0-9]{{1,8}}){unit})?" for unit in _UNITS), re.ASCII
)
_SHORTEST, _LONGEST = 60, 30 * 86400
# How often an environment returns to one version at most.
MOST_ROLLBACKS = 99_999


def promotion_request(
    path: PromotionPath,
    version: str,
    source: str | None,
    target: str,
    operator: Operator,
    trace_id: str,
    overrides: Overrides = NO_OVERRIDES,
) -> PromotionRequest:
    """
    A promotion, one step along `path`.

    Without `source` it is the environment before `target`. `v1.2.3-dev` is understood as `v1.2.3`
    when the source is `dev`. UsageError (2) for what is no version, environment or reason,
    InvalidTransitionError (9) for a step that is not on the path.
    """
    if source is None:
        before = path.before(target)
        source = before.name if before else NO_ENVIRONMENT
    path.step(source, target)
    if source != NO_ENVIRONMENT:
        version = version.removesuffix(f"-{source}")
    parsed = parse_version(version)
    _unambiguous(path, parsed, source)
    _unambiguous(path, parsed, target)
    checked = _with_reason(overrides)
    return PromotionRequest(parsed, source, target, operator, trace_id, overrides=checked)


def rollback_request(
    path: PromotionPath,
    version: str,
    target: str,
    operator: Operator,
    trace_id: str,
    reason: str | None,
) -> RollbackRequest:
    """
    A return of `target` to `version`, which may be given as its tag there (`v1.2.2-prod`).

    Only a dry run has no `reason` (None). UsageError (2) for what is no version, environment or
    reason.
    """
    environment = path.environment(target)
    parsed = parse_version(version.removesuffix(f"-{target}"))
    _unambiguous(path, parsed, target)
    try:
        environment.rollback_tag(parsed, 10 * MOST_ROLLBACKS)
    except ValueError as error:
        raise UsageError(
            f"'{parsed}' is too long: '{parsed}-{target}-rollback-<n>' must fit into the 128 "
            "characters of a tag"
        ) from error
    why = "" if reason is None else reason_text(reason)
    return RollbackRequest(parsed, target, operator, trace_id, why)


def lock_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    reason: str,
    duration: str | None = None,
) -> LockRequest:
    """A lock on `target`, for good or for `duration` (see `lock_seconds`); else UsageError (2)."""
    seconds = None if duration is None else lock_seconds(duration)
    name = path.environment(target).name
    return LockRequest(name, operator, trace_id, reason_text(reason), seconds)


def unlock_request(
    path: PromotionPath, target: str, operator: Operator, trace_id: str, reason: str
) -> UnlockRequest:
    """The end of the lock on `target`; UsageError (2) for what is no environment or reason."""
    return UnlockRequest(path.environment(target).name, operator, trace_id, reason_text(reason))


def restore_request(
    path: PromotionPath, target: str, operator: Operator, trace_id: str, reason: str | None
) -> RestoreRequest:
    """The repair of `target`; UsageError (2) for what is no environment, or no reason if given."""
    why = reason_text(reason) if reason else ""
    return RestoreRequest(path.environment(target).name, operator, trace_id, why)


def lock_seconds(text: str) -> int:
    """How long a lock lasts, from a minute to 30 days, in seconds; else UsageError."""
    seconds = parse_duration(text)
    if not _SHORTEST <= seconds <= _LONGEST:
        raise UsageError(
            f"'{printable(text)}' is out of bounds: a lock lasts from 1m to 30d. Without a "
            "duration it lasts until somebody unlocks",
            {"duration": text, "seconds": seconds},
        )
    return seconds


def parse_duration(text: str) -> int:
    """`90s`, `30m`, `2h`, `1d` or `1h30m` in seconds; UsageError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not match[0]:
        raise UsageError(
            f"'{printable(text)}' is no duration: write 30m, 2h, 1d or, combined, 1h30m",
            {"duration": text},
        )
    return sum(int(match[unit] or 0) * _UNITS[unit] for unit in _UNITS)


def parse_version(text: str) -> Version:
    """`text` as a version, or UsageError saying what one looks like."""
    if text == "latest" or text.startswith("latest-"):
        raise UsageError(f"'{printable(text)}' is not a version: it moves. Name one, like v1.2.3")
    try:
        return Version(text)
    except ValueError as error:
        raise UsageError(
            f"'{printable(text)}' is not a version: a semantic version like v1.2.3, 1.2.3 or "
            "v1.2.3-rc.1, of at most 128 characters and without '+', is needed",
            {"version": text},
        ) from error


def _with_reason(overrides: Overrides) -> Overrides:
    """Refuse overrides without a reason, and a reason without any of them."""
    if overrides:
        return replace(overrides, reason=reason_text(overrides.reason))
    if overrides.reason.strip():
        raise UsageError(
            "A promotion takes a reason only with --allow-older or --override-rollback: leave the "
            "reason out"
        )
    return NO_OVERRIDES


def _unambiguous(path: PromotionPath, version: Version, environment: str) -> None:
    """Refuse a version whose tag there would be read as another version or environment."""
    try:
        if environment == NO_ENVIRONMENT:
            tag, expected = version.tag, None
        else:
            tag, expected = path.environment(environment).tag(version), (version, environment)
    except ValueError as error:
        raise UsageError(
            f"'{version}-{environment}' is longer than the 128 characters a tag may have"
        ) from error
    reading = path.read(tag)
    found = (reading.version, reading.environment) if reading else None
    if found != expected or (reading and reading.rollback):
        meant = f"{reading.version} in {reading.environment}" if reading else "nothing"
        raise UsageError(
            f"'{version}' cannot be used here: its tag '{tag}' would be read as {meant}",
            {"version": str(version), "tag": str(tag)},
        )
