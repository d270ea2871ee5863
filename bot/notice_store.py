"""The direct messages that are due, each of them once for a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.database import BotStore

_KEPT_SECONDS = 30 * 86400
_AT_ONCE = 20


class Kind(StrEnum):
    """The subject of a direct message; all but ASK are for the requester."""

    ASK = "ask"  # please approve
    END = "end"  # the change ended
    LATE = "late"  # half of the time to approve is over
    FAILED = "failed"  # the deployment failed in a cluster


# A newer version of floe may have stored others.
_WAITING = "done = 0 AND kind IN ({})".format(", ".join(f"'{kind}'" for kind in Kind))
_DUE = f"""
SELECT change_id, kind, at, due, tries FROM notices
WHERE {_WAITING} AND due <= ? ORDER BY due LIMIT ?
"""  # noqa: S608 - our own words
_NEXT_DUE = f"SELECT min(due) FROM notices WHERE {_WAITING}"  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Notice:
    """Direct messages of a `kind` about a change; times are seconds since 1970."""

    change_id: str
    kind: Kind
    at: float
    due: float
    tries: int

    @property
    def key(self) -> str:
        return f"{self.change_id}:{self.kind}"


class NoticeStore:
    def __init__(self, store: BotStore) -> None:
        self._store = store
        self.now = store.now

    def add(self, change_id: str, kind: Kind) -> None:
        """Store that messages of `kind` are due now, unless they were due before."""
        now = self.now()
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO notices (key, change_id, kind, at, due) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO NOTHING",
                [f"{change_id}:{kind}", change_id, kind.value, now, now],
            )

    def forget(self, change_id: str, kind: Kind) -> None:
        """Let messages of `kind` be due again."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM notices WHERE key = ?", [f"{change_id}:{kind}"])

    def due(self) -> Sequence[Notice]:
        """Those that are due, oldest first, without kinds of a newer version of floe."""
        with self._store.read() as db:
            rows = db.execute(_DUE, [self.now(), _AT_ONCE]).fetchall()
        return [Notice(change, Kind(kind), *rest) for change, kind, *rest in rows]

    def next_due(self) -> float | None:
        """When the next one is due."""
        with self._store.read() as db:
            row = db.execute(_NEXT_DUE).fetchone()
        return row[0] if row else None

    def postpone(self, notice: Notice, due: float) -> None:
        with self._store.transaction() as db:
            db.execute(
                "UPDATE notices SET due = ?, tries = tries + 1 WHERE key = ?", [due, notice.key]
            )

    def finish(self, notice: Notice) -> None:
        with self._store.transaction() as db:
            db.execute("UPDATE notices SET done = 1 WHERE key = ?", [notice.key])
            db.execute(
                "DELETE FROM notices WHERE done = 1 AND at < ?", [self.now() - _KEPT_SECONDS]
            )
