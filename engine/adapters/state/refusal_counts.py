"""Counts of refused attempts, in a small file of the state directory."""

import fcntl
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.domain.errors import StoreUnavailableError
from engine.domain.record import UtcTime
from engine.ports import Due
from engine.runtime.disk_errors import disk_fix

_BETWEEN_RECORDS = timedelta(hours=1)
_TO_RECORD = timedelta(minutes=1)
# There are as many kinds as verified people who are refused; what is left out is only counted anew.
_MOST_KINDS = 500
_MAX_BYTES = 1024 * 1024
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_WAIT_SECONDS = 1.0
_POLL_SECONDS = 0.01


class _Attempts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    waiting: int = Field(default=0, ge=0)
    recorded_at: UtcTime | None = None
    # Somebody is recording them; who died over it is not waited for beyond this.
    taken_until: UtcTime = _LONG_AGO
    seen_at: UtcTime = _LONG_AGO


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: dict[str, _Attempts] = Field(default_factory=dict)


class FileTally:
    """
    The `Tally` in the file at `path`; threads and processes take turns.

    A file that cannot be read as one (a full disk, a kill in mid-write) is begun anew: it only
    saves the ledger from being asked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, kind: str, now: datetime) -> Due | None:
        with self._open() as file:
            kinds = _read(file)
            before = kinds.get(kind, _Attempts())
            due = _due(before, now)
            kinds[kind] = _Attempts(
                waiting=before.waiting + 1,
                recorded_at=before.recorded_at,
                taken_until=now + _TO_RECORD if due else before.taken_until,
                seen_at=now,
            )
            _write(file, kinds)
        return Due(before.waiting + 1, before.recorded_at is not None) if due else None

    def recorded(self, kind: str, count: int, at: datetime) -> None:
        with self._open() as file:
            kinds = _read(file)
            before = kinds.get(kind, _Attempts())
            left = max(0, before.waiting - count)
            kinds[kind] = _Attempts(waiting=left, recorded_at=at, seen_at=before.seen_at)
            _write(file, kinds)

    @contextmanager
    def _open(self) -> Iterator[io.FileIO]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.open("a+b", buffering=0) as file:
                _lock(file)
                try:
                    yield file
                finally:
                    # Not left to closing: a process forked meanwhile shares the open file.
                    fcntl.flock(file, fcntl.LOCK_UN)
        except OSError as error:
            out = disk_fix(error, "point state.dir at a local directory this user may write")
            raise StoreUnavailableError(
                f"{self._path} cannot be used: {error.strerror}; {out}"
            ) from error


def _due(attempts: _Attempts, now: datetime) -> bool:
    if now < attempts.taken_until:
        return False
    recorded = attempts.recorded_at
    return recorded is None or now - recorded >= _BETWEEN_RECORDS


def _lock(file: io.FileIO) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(_POLL_SECONDS)


def _read(file: io.FileIO) -> dict[str, _Attempts]:
    file.seek(0)
    try:
        return dict(_Document.model_validate_json(file.read(_MAX_BYTES)).attempts)
    except ValidationError:
        return {}


def _write(file: io.FileIO, kinds: dict[str, _Attempts]) -> None:
    newest = sorted(kinds.items(), key=lambda pair: pair[1].seen_at, reverse=True)[:_MOST_KINDS]
    file.truncate(0)
    file.write(_Document(attempts=dict(newest)).model_dump_json(indent=1).encode())
