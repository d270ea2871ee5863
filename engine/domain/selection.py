"""Which records of the ledger somebody wants to see."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.domain.artifact import Version
from engine.domain.errors import UsageError
from engine.domain.names import Names
from engine.domain.record import RECORD_KINDS, AnyRecord, LockRecord, UnlockRecord
from engine.domain.text import printable

_DIGEST = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{4,64})", re.ASCII)
_AGO = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Selection:
    """
    What is asked for; a field that is None asks nothing.

    `digest` is a whole digest or its beginning, `operator` a name or an id, `since` UTC.
    """

    environment: str | None = None
    version: Version | None = None
    digest: str | None = None
    operator: str | None = None
    kind: str | None = None
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind not in (None, *RECORD_KINDS):
            raise UsageError(
                f"'{printable(str(self.kind))}' is no kind of record. "
                f"Kinds: {', '.join(RECORD_KINDS)}"
            )

    def admits(self, record: AnyRecord) -> bool:
        """Whether `record` is asked for; the environment is chosen by whoever reads."""
        return all(
            (
                self.kind in (None, record.kind),
                self.operator is None
                or self.operator in Names((record.operator, record.operator_id)),
                self.version is None or str(self.version) == _version(record),
                self.digest is None or (record.subject_digest or "").startswith(self.digest),
                self.since is None or record.at >= self.since,
            )
        )


def digest_beginning(text: str) -> str:
    """A digest or at least four hex digits of one, with or without `sha256:`; else UsageError."""
    match = _DIGEST.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{printable(text)}' is no digest: give sha256: and 64 hex digits, or the first of "
            "them, at least four",
            {"digest": text},
        )
    return f"sha256:{match['hex']}"


def moment(text: str, now: datetime) -> datetime:
    """
    A time as people write it, in UTC: `2026-09-01`, `2026-09-01T12:00`, or how long ago (`30m`,
    `2h`, `7d`, `4w`). A time without a zone is UTC. UsageError for anything else.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"'{printable(text)}' is no time: write 2026-09-01, 2026-09-01T12:00 (UTC), or how "
            "long ago: 30m, 2h, 7d, 4w",
            {"since": text},
        ) from error


def _version(record: AnyRecord) -> str | None:
    return None if isinstance(record, LockRecord | UnlockRecord) else record.version
