"""Filters for the records of the ledger."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.domain.artifact import Digest, Version
from engine.domain.audit import Anchor
from engine.domain.errors import UsageError
from engine.domain.names import Names, canonical_name
from engine.domain.record import RECORD_KINDS, AnyRecord
from engine.domain.text import printable

_DIGEST = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{4,64})", re.ASCII)
_PLACE = re.compile(
    r"(?P<environment>[a-z0-9-]+)#(?P<sequence>[1-9][0-9]{0,17})([= ].*)?", re.ASCII
)
_ANCHOR = re.compile(
    r"(?P<environment>[a-z0-9-]+)#(?P<sequence>[1-9][0-9]{0,17})[= ]"
    r"(?P<digest>sha256:[0-9a-f]{64})",
    re.ASCII,
)
_AGO = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[mhdw])", re.ASCII)
_LONGEST_SEARCH = 200
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Selection:
    """
    A filter for records; a field that is None does not restrict it.

    `digest` is a digest or its beginning, `operator` a name or an id. `since` and `until` are times
    in UTC. `search` is a part of a version, a digest, the ID of a record, or the name or ID of an
    operator. UsageError for an unknown `kind`.
    """

    environment: str | None = None
    version: Version | None = None
    digest: str | None = None
    operator: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in (None, *RECORD_KINDS):
            raise UsageError(
                f"'{printable(str(self.kind))}' is not a kind of record. "
                f"Kinds: {', '.join(RECORD_KINDS)}"
            )

    def matches(self, record: AnyRecord) -> bool:
        """Whether `record` passes the filter; the caller chooses the environment."""
        return all(
            (
                self.kind in (None, record.kind),
                self.operator is None
                or self.operator in Names((record.operator, record.operator_id)),
                self.version is None or str(self.version) == record.subject_version,
                self.digest is None or (record.subject_digest or "").startswith(self.digest),
                self.since is None or record.at >= self.since,
                self.until is None or record.at < self.until,
                self.search is None or self._finds(self.search, record),
            )
        )

    @staticmethod
    def _finds(search: str, record: AnyRecord) -> bool:
        named = (record.subject_version, record.subject_digest, record.id)
        texts = (*named, record.operator, record.operator_id)
        return any(search_text(search) in search_text(text) for text in texts if text)


def search_text(text: str) -> str:
    """Return `text` as searches compare it."""
    return canonical_name(text).lower()


def parse_search(text: str) -> str:
    """Check the words of a search; UsageError if they are too long or have invisible characters."""
    if len(text) > _LONGEST_SEARCH:
        raise UsageError(f"The search has more than {_LONGEST_SEARCH} characters: shorten it")
    if printable(text) != text:
        raise UsageError(f"'{printable(text)}' has invisible characters: remove them")
    return text


def parse_digest_prefix(text: str) -> str:
    """
    Parse a digest, or at least its first four hex digits, with or without `sha256:`.

    UsageError for other text.
    """
    match = _DIGEST.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{printable(text)}' is not a digest: write sha256: and 64 hex digits, or at least "
            "the first four of them",
            {"digest": text},
        )
    return f"sha256:{match['hex']}"


def parse_digest(text: str) -> Digest:
    """Parse a whole digest; UsageError for other text."""
    try:
        return Digest(text.strip())
    except ValueError as error:
        raise UsageError(
            f"'{printable(text)[:80]}' is not a digest: write sha256: and 64 hex digits",
            {"digest": text},
        ) from error


def parse_anchor(text: str) -> Anchor:
    """Parse `prod#7=sha256:…`, or with a space as floe prints it; UsageError for other text."""
    match = _ANCHOR.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{printable(text)}' is not an anchor: write an environment, a number and the whole "
            "digest, like prod#7=sha256:…",
            {"anchor": text},
        )
    return Anchor(match["environment"], int(match["sequence"]), Digest(match["digest"]))


def parse_place(text: str) -> tuple[str, int]:
    """Parse `prod#7`, also with a digest after it as in an anchor; UsageError for other text."""
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{printable(text)}' is not an entry: write an environment and a number, like prod#7",
            {"entry": text},
        )
    return match["environment"], int(match["sequence"])


def parse_time(text: str, now: datetime) -> datetime:
    """
    Parse `2026-09-01`, `2026-09-01T12:00` or an age (`30m`, `2h`, `7d`, `4w`) into a time in UTC.

    A time without a zone is UTC. UsageError for other text.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"'{printable(text)}' is not a time: write 2026-09-01, 2026-09-01T12:00 (UTC), or an "
            "age: 30m, 2h, 7d, 4w",
            {"since": text},
        ) from error
