"""The inbox of actions, which are stored before Slack gets its acknowledgement."""

import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from pydantic import JsonValue

from bot.database import BotStore
from engine.domain.errors import PromotionError, UsageError
from engine.domain.trace import trace_id
from engine.runtime.database import Connection
from engine.runtime.wakeups import Topic

# Attempts at one action; the last one answers in any case.
MOST_TRIES = 5
_KEPT_SECONDS = 48 * 3600


@dataclass(frozen=True, slots=True)
class Origin:
    """
    The user who sent a request, and the place to answer them.

    `response_url` accepts messages for this user alone, for half an hour.
    """

    user: str
    team: str
    channel: str
    thread: str | None = None
    response_url: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """
    A command, click or submitted form.

    `key` is the same for every delivery, `tries` counts attempts, and `at` is the time of
    acceptance in seconds since 1970.
    """

    key: str
    kind: str
    origin: Origin
    trace_id: str
    arguments: dict[str, JsonValue]
    tries: int = 0
    at: float = field(default_factory=time.time)

    def argument(self, name: str) -> str:
        value = self.arguments.get(name)
        return value if isinstance(value, str) else ""

    @property
    def product(self) -> str:
        return self.argument("product")


def action_key(kind: str, *parts: str) -> str:
    """Hash the ids of a delivery, because they can be secrets (trigger_id)."""
    return f"{kind}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


def new_action(kind: str, origin: Origin, arguments: Mapping[str, str], delivery: str) -> Action:
    """Create the action of a `delivery`, which must have an id; otherwise UsageError."""
    if not delivery:
        raise UsageError("Slack's request has no id, so a redelivery could run it twice: try again")
    return Action(action_key(kind, delivery), kind, origin, trace_id(), {**arguments})


class Inbox:
    def __init__(self, store: BotStore) -> None:
        self._store = store
        self._queue: SimpleQueue[_Queued] = SimpleQueue()

    @property
    def queue_length(self) -> int:
        """The number of actions waiting to be stored."""
        return self._queue.qsize()

    def accept(self, action: Action) -> bool:
        """
        Store `action`; False if it was delivered before.

        Concurrent actions share one transaction, because a disk sync is slow and Slack waits.
        """
        queued = _Queued(action)
        self._queue.put(queued)
        self._store_queue()
        return queued.stored.result()

    def _store_queue(self) -> None:
        """Store all queued actions, unless another thread has stored them."""
        taken: list[_Queued] = []
        try:
            with self._store.transaction(urgent=True) as db:
                # All servers insert in the same order, so no two wait for each other.
                taken = sorted(self._take_queue(), key=lambda queued: queued.action.key)
                new = [_insert(db, queued.action) for queued in taken]
        except PromotionError as error:
            # Fail the queued actions as well: none of them may be stored later.
            for queued in (*taken, *self._take_queue()):
                queued.stored.set_exception(error)
        else:
            for queued, is_new in zip(taken, new, strict=True):
                queued.stored.set_result(is_new)
        finally:
            # After any other error no thread may wait forever.
            for queued in taken:
                queued.stored.cancel()

    def _take_queue(self) -> list["_Queued"]:
        taken: list[_Queued] = []
        try:
            while True:
                taken.append(self._queue.get_nowait())
        except Empty:
            return taken

    def pending(self) -> list[Action]:
        """The actions that are not finished, oldest first."""
        with self._store.read() as db:
            rows = db.execute(
                "SELECT key, kind, tries, at, document FROM inbox WHERE done = 0 ORDER BY number"
            ).fetchall()
        return [_parse_row(*row) for row in rows]

    def start_attempt(self, action: Action) -> Action | None:
        """Count an attempt; None if the action is finished."""
        with self._store.transaction() as db:
            row = db.execute(
                "UPDATE inbox SET tries = tries + 1 WHERE key = ? AND done = 0 RETURNING tries",
                [action.key],
            ).fetchone()
        # Other servers may have tried it since it was read.
        return replace(action, tries=row[0]) if row else None

    def finish(self, action: Action) -> bool:
        """
        Delete the content; the key stays, so that a late delivery is recognized.

        False if the action is finished, or another server has started a later attempt.
        """
        with self._store.transaction() as db:
            found = db.execute(
                "UPDATE inbox SET done = 1, document = '{}' "
                "WHERE key = ? AND done = 0 AND tries = ?",
                [action.key, action.tries],
            )
            before = self._store.now() - _KEPT_SECONDS
            db.execute("DELETE FROM inbox WHERE done = 1 AND at < ?", [before])
        return found.rowcount == 1


@dataclass(frozen=True, slots=True)
class _Queued:
    action: Action
    stored: "Future[bool]" = field(default_factory=Future)


def _insert(db: Connection, action: Action) -> bool:
    """Insert `action`; False if its key exists."""
    document = json.dumps(
        {
            "user": action.origin.user,
            "team": action.origin.team,
            "channel": action.origin.channel,
            "thread": action.origin.thread,
            "response_url": action.origin.response_url,
            "trace_id": action.trace_id,
            "words": action.arguments,
        }
    )
    found = db.execute(
        "INSERT INTO inbox (key, kind, at, document) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (key) DO NOTHING",
        [action.key, action.kind, action.at, document],
    )
    db.announce(Topic.INBOX)
    return found.rowcount == 1


def _parse_row(key: str, kind: str, tries: int, at: float, document: str) -> Action:
    stored = json.loads(document)
    origin = Origin(
        stored["user"], stored["team"], stored["channel"], stored["thread"], stored["response_url"]
    )
    return Action(key, kind, origin, stored["trace_id"], stored["words"], tries, at)
