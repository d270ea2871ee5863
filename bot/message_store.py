"""What should stand in Slack: messages as they are wanted, where they are, and what is left."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from bot.blocks.elements import Payload
from bot.database import BotStore

_KEPT_SECONDS = 30 * 86400
# From channel to channel along the index: what waits behind the first of each is not looked at.
_NEXT = """
WITH RECURSIVE unposted AS NOT MATERIALIZED (
    SELECT channel, number FROM messages WHERE dirty = 1 AND failed IS NULL AND ts IS NULL
), lanes (channel) AS (
    SELECT min(channel) FROM unposted
    UNION ALL
    SELECT (SELECT min(channel) FROM unposted WHERE channel > lanes.channel) FROM lanes
    WHERE channel IS NOT NULL
)
SELECT (SELECT min(number) FROM unposted WHERE channel = lanes.channel) FROM lanes
"""
# More than can be sent at the same time.
_AT_ONCE = 50
_COLUMNS = (
    "key, channel, parent, thread, payload, urgent, broadcast, due, ts, edited, taken, tries, "
    "retry, at"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    A message as it should be. `parent` is the key of the message whose thread it is in, `thread`
    that of a person. `urgent` edits do not wait for others; `only_there`: not worth posting, only
    to be edited where it stands.
    """

    key: str
    payload: Payload
    parent: str | None = None
    thread: str | None = None
    urgent: bool = False
    broadcast: bool = False
    only_there: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """
    A message with something left to do. `taken` is when somebody last began to post it without
    learning how that ended. Times are seconds since the epoch.
    """

    key: str
    channel: str
    parent: str | None
    thread: str | None
    arguments: dict[str, JsonValue] = field(repr=False)
    written: str = field(repr=False)
    urgent: bool
    broadcast: bool
    due: float
    ts: str | None
    edited: float
    taken: float | None
    tries: int
    retry: float
    at: float


class Messages:
    def __init__(self, store: BotStore) -> None:
        self._store = store

    def want(self, channel: str, wanted: Wanted, due: float = 0) -> None:
        """Have `wanted` stand in `channel`: posted if it is not there, edited if it differs."""
        written = json.dumps(wanted.payload.arguments, sort_keys=True)
        with self._store.transaction() as db:
            if not wanted.only_there:
                db.execute(
                    "INSERT OR IGNORE INTO messages (key, channel, parent, thread, payload, "
                    "urgent, broadcast, due, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        wanted.key,
                        channel,
                        wanted.parent,
                        wanted.thread,
                        written,
                        wanted.urgent,
                        wanted.broadcast,
                        due,
                        time.time(),
                    ],
                )
            db.execute(
                "UPDATE messages SET payload = ?, urgent = ?, dirty = 1, tries = 0, retry = 0 "
                "WHERE key = ? AND payload <> ?",
                [written, wanted.urgent, wanted.key, written],
            )

    def unsent(self, key: str) -> bool:
        """Whether nobody can have seen it yet, so that it may still say more."""
        return self._one("ts IS NULL AND taken IS NULL AND failed IS NULL", key)

    def pending(self, key: str) -> bool:
        """Whether it is still to be posted."""
        return self._one("ts IS NULL AND failed IS NULL", key)

    def posts(self) -> list[Message]:
        """What is to be posted next in each channel, the oldest first."""
        return self._select(f"ts IS NULL AND number IN ({_NEXT}) ORDER BY number")

    def edits(self, now: float, pause: float) -> list[Message]:
        """
        Some of those that are due, the urgent ones first; others come `pause` seconds after the
        edit before.
        """
        return self._select(
            "ts IS NOT NULL AND retry <= ? AND (urgent = 1 OR edited <= ?) "
            "ORDER BY urgent DESC, number LIMIT ?",
            [now, now - pause, _AT_ONCE],
        )

    def take(self, message: Message) -> None:
        """Before it is posted: if the answer is never seen, it is looked for before a resend."""
        with self._store.transaction() as db:
            db.execute("UPDATE messages SET taken = ? WHERE key = ?", [time.time(), message.key])

    def posted(self, message: Message, ts: str) -> None:
        with self._store.transaction() as db:
            db.execute(
                "UPDATE messages SET ts = ?, taken = NULL, edited = ?, tries = 0, retry = 0, "
                "dirty = (payload <> ?) WHERE key = ?",
                [ts, time.time(), message.written, message.key],
            )
            db.execute("DELETE FROM messages WHERE dirty = 0 AND at < ?", [_long_ago()])

    def failed(self, message: Message, why: str) -> None:
        """Nothing helps: it stays as it is."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE messages SET failed = ?, dirty = 0, taken = NULL WHERE key = ?",
                [why, message.key],
            )

    def later(self, message: Message, retry: float, *, unknown: bool) -> None:
        """Try again at `retry`; `unknown`: it may have been posted all the same."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE messages SET tries = tries + 1, retry = ? WHERE key = ?",
                [retry, message.key],
            )
            if not unknown:
                db.execute("UPDATE messages SET taken = NULL WHERE key = ?", [message.key])

    def place(self, key: str) -> tuple[str, str] | None:
        """Channel and ts of a message that stands."""
        return self._two("channel, ts", key)

    def link(self, key: str) -> str | None:
        found = self._two("link, ts", key)
        return found[0] if found else None

    def keep_link(self, key: str, link: str) -> None:
        with self._store.transaction() as db:
            db.execute("UPDATE messages SET link = ? WHERE key = ?", [link, key])

    def known(self, key: str) -> bool:
        return self._one("1", key)

    def unfinished(self) -> tuple[str, ...]:
        """The ids of changes that were announced and whose end was not."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT replace(m.key, ':root', '') FROM messages m WHERE m.key LIKE 'c-%:root' "
                "AND NOT EXISTS (SELECT 1 FROM messages e WHERE e.key = "
                "replace(m.key, ':root', ':end'))"
            ).fetchall()
        return tuple(change_id for (change_id,) in rows)

    def under(self, prefix: str) -> tuple[str, ...]:
        """The keys that begin with `prefix`, oldest first."""
        beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT key FROM messages WHERE key >= ? AND key < ? ORDER BY number",
                [prefix, beyond],
            ).fetchall()
        return tuple(key for (key,) in rows)

    def _one(self, where: str, key: str) -> bool:
        with self._store.transaction() as db:
            row = db.execute(
                f"SELECT 1 FROM messages WHERE key = ? AND {where}",  # noqa: S608 - ours
                [key],
            ).fetchone()
        return row is not None

    def _two(self, columns: str, key: str) -> tuple[str, str] | None:
        with self._store.transaction() as db:
            row: tuple[str | None, str | None] | None = db.execute(
                f"SELECT {columns} FROM messages WHERE key = ?",  # noqa: S608 - names of ours
                [key],
            ).fetchone()
        if row is None or row[0] is None or row[1] is None:
            return None
        return row[0], row[1]

    def _select(self, where: str, values: Sequence[float] = ()) -> list[Message]:
        with self._store.transaction() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM messages "  # noqa: S608 - names of ours
                f"WHERE dirty = 1 AND failed IS NULL AND {where}",
                values,
            ).fetchall()
        return [_message(row) for row in rows]


def _message(row: tuple[Any, ...]) -> Message:
    key, channel, parent, thread, written, urgent, broadcast, due, ts, edited, taken, *rest = row
    tries, retry, at = rest
    return Message(
        key=key,
        channel=channel,
        parent=parent,
        thread=thread,
        arguments=json.loads(written),
        written=written,
        urgent=bool(urgent),
        broadcast=bool(broadcast),
        due=due,
        ts=ts,
        edited=edited,
        taken=taken,
        tries=tries,
        retry=retry,
        at=at,
    )


def _long_ago() -> float:
    return time.time() - _KEPT_SECONDS
