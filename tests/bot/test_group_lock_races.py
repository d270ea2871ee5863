"""Threads and servers that update the message of a group lock leave no old state in it."""

import json
import threading
from pathlib import Path

import pytest

from bot.blocks.group_lock import PartState
from bot.database import BotStore, bot_database
from bot.group_lock_store import GroupLock, GroupLockStore
from bot.group_locks import GroupLocks
from bot.inbox import Origin
from bot.message_store import DesiredMessage, MessageStore
from tests.bot.stage import BOB, INCIDENT

# Long enough for the second thread to write, if the first one did not keep it out.
_SECONDS = 3.0


class SlowMessages(MessageStore):
    """The first write waits until it is released."""

    def __init__(self, store: BotStore) -> None:
        super().__init__(store)
        self.writing, self.released = threading.Event(), threading.Event()

    def ensure(self, channel: str, message: DesiredMessage, due: float = 0) -> None:
        if not self.writing.is_set():
            self.writing.set()
            assert self.released.wait(60)
        super().ensure(channel, message, due)


class Unsent:
    """An outbox that sends nothing."""

    def wake(self) -> None:
        pass


@pytest.mark.parametrize("same", [True, False], ids=["threads", "servers"])
def test_one_that_read_the_older_state_does_not_write_last(tmp_path: Path, same: bool) -> None:
    store = BotStore(bot_database(tmp_path))
    other = store if same else BotStore(bot_database(tmp_path))
    locks, messages = GroupLockStore(store), SlowMessages(store)
    locks.add(GroupLock("l1", "prod", "30m", "INC-42", "@bob", Origin(BOB, "T1", INCIDENT)), ["a"])
    older = threading.Thread(target=groups(locks, messages).show, args=["l1"])
    newer = threading.Thread(target=finish, args=[GroupLockStore(other), MessageStore(other)])

    older.start()
    assert messages.writing.wait(60)
    newer.start()
    newer.join(_SECONDS)
    messages.released.set()
    older.join(60)
    newer.join(60)

    [pending] = messages.next_posts()
    assert "Locked (1)" in json.dumps(pending.arguments)
    for each in {store, other}:
        each.close()


def groups(locks: GroupLockStore, messages: MessageStore) -> GroupLocks:
    """The part that shows a lock; it asks neither products nor people for it."""
    return GroupLocks(None, None, locks, messages, Unsent())


def finish(locks: GroupLockStore, messages: MessageStore) -> None:
    """Take the lock, and show it."""
    [part] = locks.parts("l1")
    locks.move("l1", part, PartState.LOCKED, locked_at="2026-01-01T00:00:00+00:00")
    groups(locks, messages).show("l1")
