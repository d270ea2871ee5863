"""Counts of refused attempts, in the database of the state directory."""

import logging
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.adapters.store import statements as sql
from engine.adapters.store.older_files import move_file
from engine.adapters.store.rows import micros, moment
from engine.domain.record_base import UtcTime
from engine.ports import DueAttempts
from engine.runtime.database import Connection, Database

OLDER_FILE = "refusals.json"
_log = logging.getLogger(__name__)
_BETWEEN_RECORDS = timedelta(hours=1)
_TO_RECORD = timedelta(minutes=1)
# There are as many kinds as verified people who are refused; forgotten ones are counted from zero.
_MOST_KINDS = 500
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class _Attempts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    waiting: int = Field(default=0, ge=0, lt=2**63)
    recorded_at: UtcTime | None = None
    # A process is recording them; one that died is not waited for beyond this.
    taken_until: UtcTime = _LONG_AGO
    seen_at: UtcTime = _LONG_AGO


class _Document(BaseModel):
    """An older floe's file."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    attempts: dict[str, _Attempts] = Field(default_factory=dict)


class SqlTally:
    """Implements `engine.ports.RefusalCounter`; threads and processes take turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, now: datetime) -> DueAttempts | None:
        move_file(self._database, OLDER_FILE, _insert)
        with self._database.write() as db:
            before = _read(db, kind)
            due = _is_due(before, now)
            taken_until = now + _TO_RECORD if due else before.taken_until
            waiting = before.waiting + 1
            _keep(
                db,
                kind,
                _Attempts(
                    waiting=waiting,
                    recorded_at=before.recorded_at,
                    taken_until=taken_until,
                    seen_at=now,
                ),
            )
            db.execute(sql.FORGET_COUNTS, [_MOST_KINDS])
        return DueAttempts(waiting, before.recorded_at is not None) if due else None

    def recorded(self, kind: str, count: int, at: datetime) -> None:
        move_file(self._database, OLDER_FILE, _insert)
        with self._database.write() as db:
            before = _read(db, kind)
            left = max(0, before.waiting - count)
            _keep(db, kind, _Attempts(waiting=left, recorded_at=at, seen_at=before.seen_at))


def _insert(db: Connection, content: bytes) -> None:
    try:
        counts = _Document.model_validate_json(content).attempts
    except ValidationError:
        _log.warning("%s does not hold counts of refusals: they start from zero", OLDER_FILE)
        return
    for kind, attempts in counts.items():
        if _row(db, kind) is None:
            _keep(db, kind, attempts)


def _is_due(attempts: _Attempts, now: datetime) -> bool:
    if now < attempts.taken_until:
        return False
    recorded = attempts.recorded_at
    return recorded is None or now - recorded >= _BETWEEN_RECORDS


def _row(db: Connection, kind: str) -> tuple[int, int | None, int, int] | None:
    row: tuple[int, int | None, int, int] | None = db.execute(sql.COUNT, [kind]).fetchone()
    return row


def _read(db: Connection, kind: str) -> _Attempts:
    row = _row(db, kind)
    if row is None:
        return _Attempts()
    waiting, recorded_at, taken_until, seen_at = row
    return _Attempts(
        waiting=waiting,
        recorded_at=None if recorded_at is None else moment(recorded_at),
        taken_until=moment(taken_until),
        seen_at=moment(seen_at),
    )


def _keep(db: Connection, kind: str, attempts: _Attempts) -> None:
    recorded = attempts.recorded_at and micros(attempts.recorded_at)
    times = [recorded, micros(attempts.taken_until), micros(attempts.seen_at)]
    db.execute(sql.KEEP_COUNT, [kind, attempts.waiting, *times])
