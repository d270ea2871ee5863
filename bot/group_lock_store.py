"""Stores locks of several products, so that a restart continues them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.blocks.group_lock import Part, PartState
from bot.database import BotStore
from bot.inbox import Origin
from engine.runtime.database import Connection

_KEPT_SECONDS = 30 * 86400
_OPEN = (PartState.LOCKING, PartState.UNLOCKING)


@dataclass(frozen=True, slots=True)
class Undo:
    """A request to unlock: the person and place, and their reason."""

    origin: Origin = field(repr=False)
    reason: str


@dataclass(frozen=True, slots=True)
class GroupLock:
    """
    A lock of the environment `target` of several products.

    `origin` is the person and place of the command, and `by` mentions the person who locked.
    `undone` has the requests to unlock by product.
    """

    id: str
    target: str
    duration: str
    reason: str
    by: str
    origin: Origin = field(repr=False)
    undone: Mapping[str, Undo] = field(default_factory=dict)


class GroupLockStore:
    def __init__(self, store: BotStore) -> None:
        self._store = store
        self.transaction = store.transaction
        self.now = store.now

    def add(self, lock: GroupLock, products: Iterable[str]) -> None:
        """Store a lock of `products`, unless it is stored."""
        with self._store.transaction() as db:
            before = self.now() - _KEPT_SECONDS
            db.execute(
                "DELETE FROM group_lock_parts WHERE lock_id IN "
                "(SELECT id FROM group_locks WHERE at < ?)",
                [before],
            )
            db.execute("DELETE FROM group_locks WHERE at < ?", [before])
            db.execute(
                "INSERT INTO group_locks (id, document, at) VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO NOTHING",
                [lock.id, _document(lock), self.now()],
            )
            for product in products:
                db.execute(
                    "INSERT INTO group_lock_parts (lock_id, product, environment, state) "
                    "VALUES (?, ?, ?, ?) ON CONFLICT (lock_id, product) DO NOTHING",
                    [lock.id, product, lock.target, PartState.LOCKING.value],
                )

    def get(self, lock_id: str) -> GroupLock | None:
        with self._store.read() as db:
            row = db.execute("SELECT document FROM group_locks WHERE id = ?", [lock_id]).fetchone()
        return _lock(lock_id, row[0]) if row else None

    def undo(self, lock_id: str, products: Iterable[str], undo: Undo) -> None:
        """End the locks of `products` that were taken, and take no more; others stay."""
        with self._store.transaction() as db:
            # The update makes other requests to unlock wait, so that none is lost.
            db.execute("UPDATE group_locks SET at = at WHERE id = ?", [lock_id])
            lock = self.get(lock_id)
            if lock is None:
                return
            undone = dict(lock.undone)
            for product in products:
                moved = db.execute(
                    "UPDATE group_lock_parts SET state = ?, detail = '', tries = 0, retry = 0 "
                    "WHERE lock_id = ? AND product = ? AND state IN (?, ?)",
                    [
                        PartState.UNLOCKING.value,
                        lock_id,
                        product,
                        *_values((PartState.LOCKING, PartState.LOCKED)),
                    ],
                ).rowcount
                if moved:
                    undone[product] = undo
            document = _document(replace(lock, undone=undone))
            db.execute("UPDATE group_locks SET document = ? WHERE id = ?", [document, lock_id])

    def parts(self, lock_id: str) -> list[Part]:
        with self._store.read() as db:
            rows = db.execute(
                "SELECT product, environment, state, detail, locked_at, tries "
                "FROM group_lock_parts WHERE lock_id = ? ORDER BY product",
                [lock_id],
            ).fetchall()
        return [_part(*row) for row in rows]

    def due(self) -> dict[str, list[Part]]:
        """The parts to work on now, by lock."""
        with self._store.read() as db:
            rows = db.execute(
                "SELECT lock_id, product, environment, state, detail, locked_at, tries "
                "FROM group_lock_parts WHERE state IN (?, ?) AND retry <= ?",
                [*_values(_OPEN), self.now()],
            ).fetchall()
        found: dict[str, list[Part]] = {}
        for lock_id, *row in rows:
            found.setdefault(lock_id, []).append(_part(*row))
        return found

    def move(
        self,
        lock_id: str,
        before: Part,
        state: PartState,
        detail: str = "",
        *,
        locked_at: str | None = None,
        pause: float = 0,
    ) -> None:
        """
        Store the result of an attempt at `before`.

        A lock that was taken while it was undone is unlocked next. One that another server took,
        or believed to be refused, stays.
        """
        with self._store.transaction() as db:
            moved = db.execute(
                "UPDATE group_lock_parts SET state = ?, detail = ?, tries = tries + 1, retry = ?, "
                "locked_at = COALESCE(?, locked_at) "
                "WHERE lock_id = ? AND product = ? AND state = ?",
                [
                    state.value,
                    detail,
                    self.now() + pause,
                    locked_at,
                    lock_id,
                    before.product,
                    before.state.value,
                ],
            ).rowcount
            if not moved and locked_at:
                _keep_late(db, lock_id, before.product, locked_at)

    def announces(self, product: str, environment: str, locked_at: str) -> bool:
        """Whether the message of a lock of several products shows this lock."""
        with self._store.read() as db:
            row = db.execute(
                "SELECT 1 FROM group_lock_parts WHERE product = ? AND environment = ? "
                "AND (locked_at = ? OR state = ?)",
                [product, environment, locked_at, PartState.LOCKING.value],
            ).fetchone()
        return row is not None


def _keep_late(db: Connection, lock_id: str, product: str, locked_at: str) -> None:
    """Store a lock that was taken after its part had moved."""
    db.execute(
        "UPDATE group_lock_parts SET detail = '', locked_at = ?, "
        "state = CASE WHEN state IN (?, ?) THEN ? ELSE ? END WHERE lock_id = ? AND product = ?",
        [
            locked_at,
            *_values((PartState.REFUSED, PartState.LOCKED)),
            *_values((PartState.LOCKED, PartState.UNLOCKING)),
            lock_id,
            product,
        ],
    )


def _values(states: Sequence[PartState]) -> list[str]:
    return [state.value for state in states]


def _part(
    product: str, environment: str, state: str, detail: str, locked_at: str | None, tries: int
) -> Part:
    return Part(product, environment, PartState(state), detail, locked_at, tries)


def _document(lock: GroupLock) -> str:
    return json.dumps(
        {
            "target": lock.target,
            "duration": lock.duration,
            "reason": lock.reason,
            "by": lock.by,
            "origin": _person(lock.origin),
            "undone": {
                product: [*_person(undo.origin), undo.reason]
                for product, undo in lock.undone.items()
            },
        }
    )


def _person(origin: Origin) -> list[str | None]:
    return [origin.user, origin.team, origin.channel, origin.thread]


def _lock(lock_id: str, document: str) -> GroupLock:
    stored = json.loads(document)
    return GroupLock(
        lock_id,
        stored["target"],
        stored["duration"],
        stored["reason"],
        stored["by"],
        Origin(*stored["origin"]),
        {
            product: Undo(Origin(*person), reason)
            for product, (*person, reason) in stored["undone"].items()
        },
    )
