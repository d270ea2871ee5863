"""What people asked for, kept before it is acknowledged: done exactly once, whatever happens."""

import hashlib
import json
import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from pydantic import JsonValue
from sqlite_utils import Database

from bot.database import BotStore
from engine.domain.errors import PromotionError

_KEPT_SECONDS = 48 * 3600


@dataclass(frozen=True, slots=True)
class Asker:
    """
    Whoever asked and where: as Slack signed it. `thread` is the thread they are in, and
    `response_url` answers them alone, for half an hour.
    """

    user: str
    team: str
    channel: str
    thread: str | None = None
    response_url: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """
    One accepted action. `key` is the same for every delivery of it, `tries` counts attempts, `at`
    is when it was accepted, in seconds since 1970.
    """

    key: str
    kind: str
    asker: Asker
    trace_id: str
    words: dict[str, JsonValue]
    tries: int = 0
    at: float = field(default_factory=time.time)

    def text(self, name: str) -> str:
        value = self.words.get(name)
        return value if isinstance(value, str) else ""


def key_of(kind: str, *parts: str) -> str:
    """Ids of deliveries can be secrets (trigger_id), so only their digest is kept."""
    return f"{kind}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


class Inbox:
    def __init__(self, store: BotStore) -> None:
        self._store = store
        self._arrived: SimpleQueue[_Arrival] = SimpleQueue()

    @property
    def arrived(self) -> int:
        """How many wait to be kept."""
        return self._arrived.qsize()

    def accept(self, asked: Asked) -> bool:
        """
        Keep it; False when it was delivered before. What arrives at the same time is kept
        together: Slack waits, and a disk is slow to say that something is on it.
        """
        arrival = _Arrival(asked)
        self._arrived.put(arrival)
        self._keep_arrived()
        return arrival.kept.result()

    def _keep_arrived(self) -> None:
        """All that has arrived by now, or nothing where another thread has kept it already."""
        taken: list[_Arrival] = []
        try:
            with self._store.transaction(first=True) as db:
                taken = self._taken()
                new = [_insert(db, arrival.asked) for arrival in taken]
        except PromotionError as error:
            # Also those who have yet to find it out for themselves: none of them is kept later.
            for arrival in (*taken, *self._taken()):
                arrival.kept.set_exception(error)
        else:
            for arrival, is_new in zip(taken, new, strict=True):
                arrival.kept.set_result(is_new)
        finally:
            # Whatever else went wrong: nobody waits for ever.
            for arrival in taken:
                arrival.kept.cancel()

    def _taken(self) -> list["_Arrival"]:
        taken: list[_Arrival] = []
        try:
            while True:
                taken.append(self._arrived.get_nowait())
        except Empty:
            return taken

    def waiting(self) -> list[Asked]:
        """What was accepted and not done, in that order: also what a crash left."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT key, kind, tries, at, document FROM inbox WHERE done = 0 ORDER BY number"
            ).fetchall()
        return [_asked(*row) for row in rows]

    def begin(self, asked: Asked) -> Asked:
        with self._store.transaction() as db:
            db.execute("UPDATE inbox SET tries = tries + 1 WHERE key = ?", [asked.key])
        return replace(asked, tries=asked.tries + 1)

    def finish(self, asked: Asked) -> None:
        """Its key stays, so that a late delivery of it is known."""
        with self._store.transaction() as db:
            db.execute("UPDATE inbox SET done = 1, document = '{}' WHERE key = ?", [asked.key])
            db.execute("DELETE FROM inbox WHERE done = 1 AND at < ?", [time.time() - _KEPT_SECONDS])


@dataclass(frozen=True, slots=True)
class _Arrival:
    asked: Asked
    kept: "Future[bool]" = field(default_factory=Future)


def _insert(db: Database, asked: Asked) -> bool:
    """Whether it is new."""
    document = json.dumps(
        {
            "user": asked.asker.user,
            "team": asked.asker.team,
            "channel": asked.asker.channel,
            "thread": asked.asker.thread,
            "response_url": asked.asker.response_url,
            "trace_id": asked.trace_id,
            "words": asked.words,
        }
    )
    found = db.execute(
        "INSERT OR IGNORE INTO inbox (key, kind, at, document) VALUES (?, ?, ?, ?)",
        [asked.key, asked.kind, asked.at, document],
    )
    return bool(found.rowcount == 1)


def _asked(key: str, kind: str, tries: int, at: float, document: str) -> Asked:
    kept = json.loads(document)
    asker = Asker(kept["user"], kept["team"], kept["channel"], kept["thread"], kept["response_url"])
    return Asked(key, kind, asker, kept["trace_id"], kept["words"], tries, at)
