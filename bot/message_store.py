"""The desired state of messages in Slack, and their places once they are posted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from bot.blocks.elements import Payload
from bot.database import BotStore
from engine.runtime.wakeups import Topic

_KEPT_SECONDS = 30 * 86400
# Walks the index from channel to channel, so that only the first message of each is read.
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
_UNSENT = """
SELECT 1 WHERE EXISTS (SELECT 1 FROM answers)
OR EXISTS (SELECT 1 FROM messages WHERE dirty = 1 AND failed IS NULL AND ts IS NULL)
OR EXISTS (SELECT 1 FROM messages WHERE dirty = 1 AND failed IS NULL AND ts IS NOT NULL)
"""
_BACKLOG = """
SELECT count(*), min(CASE WHEN ts IS NULL THEN CASE WHEN due > at THEN due ELSE at END END)
FROM messages WHERE dirty = 1 AND failed IS NULL
"""
# More than can be sent concurrently.
_AT_ONCE = 50
_COLUMNS = (
    "key, channel, parent, thread, payload, urgent, broadcast, due, ts, edited, taken, tries, "
    "retry, at"
)


@dataclass(frozen=True, slots=True)
class DesiredMessage:
    """
    A message as it should be.

    It belongs in the thread of the message with the key `parent`, or in `thread`, which a person
    started. `urgent` edits go before others. With `edit_only`, a message that was never posted is
    not posted.
    """

    key: str
    payload: Payload
    parent: str | None = None
    thread: str | None = None
    urgent: bool = False
    broadcast: bool = False
    edit_only: bool = False


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """
    A message to post or edit.

    `taken` is the time of an attempt to post it whose result is unknown. Times are seconds since
    1970.
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


class MessageStore:
    def __init__(self, store: BotStore) -> None:
        self._store = store
        self.now = store.now

    def ensure(self, channel: str, message: DesiredMessage, due: float = 0) -> None:
        """Ensure that `message` is in `channel`: post it if missing, edit it if different."""
        written = json.dumps(message.payload.arguments, sort_keys=True)
        with self._store.transaction() as db:
            inserted = 0
            if not message.edit_only:
                inserted = db.execute(
                    "INSERT INTO messages (key, channel, parent, thread, payload, urgent, "
                    "broadcast, due, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT (key) DO NOTHING",
                    [
                        message.key,
                        channel,
                        message.parent,
                        message.thread,
                        written,
                        message.urgent,
                        message.broadcast,
                        due,
                        self.now(),
                    ],
                ).rowcount
            edited = db.execute(
                "UPDATE messages SET payload = ?, urgent = ?, dirty = 1, tries = 0, retry = 0 "
                "WHERE key = ? AND payload <> ?",
                [written, message.urgent, message.key, written],
            ).rowcount
            if inserted or edited:
                db.announce(Topic.MESSAGES)

    def withdraw(self, key: str) -> bool:
        """Drop a message; False if an attempt to post it was made."""
        with self._store.transaction() as db:
            dropped = db.execute(
                "DELETE FROM messages WHERE key = ? AND ts IS NULL AND taken IS NULL", [key]
            )
            return bool(dropped.rowcount)

    def is_unseen(self, key: str) -> bool:
        """Whether no attempt to post it was made, so that its text may still grow."""
        return self._exists("ts IS NULL AND taken IS NULL AND failed IS NULL", key)

    def is_unposted(self, key: str) -> bool:
        """Whether it is waiting to be posted."""
        return self._exists("ts IS NULL AND failed IS NULL", key)

    def any_unsent(self) -> bool:
        """Whether a message waits to be sent, now or later, also one for one person."""
        with self._store.read() as db:
            return db.execute(_UNSENT).fetchone() is not None

    def backlog(self) -> tuple[int, datetime | None]:
        """Count the messages to post or edit; return the time from which the oldest post is due."""
        with self._store.read() as db:
            count, oldest = db.execute(_BACKLOG).fetchone()
        return count, None if oldest is None else datetime.fromtimestamp(oldest, UTC)

    def next_posts(self) -> list[PendingMessage]:
        """The next message to post in each channel, oldest first."""
        return self._select(f"ts IS NULL AND number IN ({_NEXT}) ORDER BY number")

    def due_edits(self, now: float, pause: float) -> list[PendingMessage]:
        """
        The next edits, urgent ones first.

        Other edits wait until `pause` seconds after the last edit of their message.
        """
        return self._select(
            "ts IS NOT NULL AND retry <= ? AND (urgent = 1 OR edited <= ?) "
            "ORDER BY urgent DESC, number LIMIT ?",
            [now, now - pause, _AT_ONCE],
        )

    def mark_attempted(self, message: PendingMessage) -> bool:
        """
        Record an attempt, so that a retry after a lost answer first searches for the message.

        False if another server has attempted or posted it since `message` was read.
        """
        with self._store.transaction() as db:
            marked = db.execute(
                "UPDATE messages SET taken = ? "
                "WHERE key = ? AND ts IS NULL AND COALESCE(taken, 0) = ?",
                [self.now(), message.key, message.taken or 0],
            )
            return bool(marked.rowcount)

    def mark_posted(self, message: PendingMessage, ts: str, channel: str = "") -> bool:
        """
        Record that Slack has the text of `message` at `ts`; False if it has another place.

        `channel` is where Slack put a direct message, which is addressed to a user.
        """
        with self._store.transaction() as db:
            marked = db.execute(
                "UPDATE messages SET ts = ?, channel = ?, taken = NULL, edited = ?, tries = 0, "
                "retry = 0, dirty = CASE WHEN payload = ? THEN 0 ELSE 1 END "
                "WHERE key = ? AND (ts IS NULL OR ts = ?)",
                [ts, channel or message.channel, self.now(), message.written, message.key, ts],
            )
            db.execute(
                "DELETE FROM messages WHERE dirty = 0 AND at < ?", [self.now() - _KEPT_SECONDS]
            )
            return bool(marked.rowcount)

    def mark_found(self, message: PendingMessage, ts: str, channel: str = "") -> None:
        """Record where a message was posted; its content is unknown, so it is edited next."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE messages SET ts = ?, channel = ?, taken = NULL, tries = 0, retry = 0 "
                "WHERE key = ?",
                [ts, channel or message.channel, message.key],
            )

    def mark_failed(self, message: PendingMessage, reason: str) -> None:
        """Give the message up."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE messages SET failed = ?, dirty = 0, taken = NULL WHERE key = ?",
                [reason, message.key],
            )

    def postpone(self, message: PendingMessage, retry: float, *, outcome_unknown: bool) -> None:
        """
        Retry once it is `retry`; with `outcome_unknown`, the message may have been posted.

        A late edit may have replaced a newer text, so the message is edited again in any case.
        """
        with self._store.transaction() as db:
            db.execute(
                "UPDATE messages SET tries = tries + 1, retry = ?, dirty = 1 "
                "WHERE key = ? AND failed IS NULL",
                [retry, message.key],
            )
            if not outcome_unknown:
                db.execute("UPDATE messages SET taken = NULL WHERE key = ?", [message.key])

    def location(self, key: str) -> tuple[str, str] | None:
        """The channel and ts of a posted message."""
        return self._select_pair("channel, ts", key)

    def find_link(self, key: str) -> str | None:
        found = self._select_pair("link, ts", key)
        return found[0] if found else None

    def save_link(self, key: str, link: str) -> None:
        with self._store.transaction() as db:
            db.execute("UPDATE messages SET link = ? WHERE key = ?", [link, key])

    def unfinished_changes(self) -> tuple[str, ...]:
        """The ids of changes whose card is stored, but not their end."""
        with self._store.read() as db:
            rows = db.execute(
                "SELECT replace(m.key, ':root', '') FROM messages m WHERE m.key LIKE 'c-%:root' "
                "AND NOT EXISTS (SELECT 1 FROM messages e WHERE e.key = "
                "replace(m.key, ':root', ':end'))"
            ).fetchall()
        return tuple(change_id for (change_id,) in rows)

    def keys_with_prefix(self, prefix: str) -> tuple[str, ...]:
        """The keys that start with `prefix`, oldest first."""
        beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        with self._store.read() as db:
            rows = db.execute(
                "SELECT key FROM messages WHERE key >= ? AND key < ? ORDER BY number",
                [prefix, beyond],
            ).fetchall()
        return tuple(key for (key,) in rows)

    def _exists(self, where: str, key: str) -> bool:
        with self._store.read() as db:
            row = db.execute(
                f"SELECT 1 FROM messages WHERE key = ? AND {where}",  # noqa: S608 - no user input
                [key],
            ).fetchone()
        return row is not None

    def _select_pair(self, columns: str, key: str) -> tuple[str, str] | None:
        with self._store.read() as db:
            row: tuple[str | None, str | None] | None = db.execute(
                f"SELECT {columns} FROM messages WHERE key = ?",  # noqa: S608 - no user input
                [key],
            ).fetchone()
        if row is None or row[0] is None or row[1] is None:
            return None
        return row[0], row[1]

    def _select(self, where: str, values: Sequence[float] = ()) -> list[PendingMessage]:
        with self._store.read() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM messages "  # noqa: S608 - no user input
                f"WHERE dirty = 1 AND failed IS NULL AND {where}",
                values,
            ).fetchall()
        return [_message(row) for row in rows]


def _message(row: tuple[Any, ...]) -> PendingMessage:
    values: dict[str, Any] = dict(zip(_COLUMNS.split(", "), row, strict=True))
    values |= {name: bool(values[name]) for name in ("urgent", "broadcast")}
    written = values.pop("payload")
    return PendingMessage(**values, arguments=json.loads(written), written=written)
