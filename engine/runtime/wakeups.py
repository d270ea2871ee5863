"""Wake the loops of a server when another process has work or news for them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """The news that a transaction announces with `Connection.announce`."""

    WORK = "work"  # a change can be claimed
    FEED = "feed"  # an event of a change
    INBOX = "inbox"  # a request from Slack
    MESSAGES = "messages"  # a message to Slack
    WEBHOOKS = "webhooks"  # a delivery
    LEASES = "leases"  # a lease was released
    SESSIONS = "sessions"  # a person signed out


class Wakeups(Protocol):
    """Announcements may be lost: every loop also polls, more rarely while they are delivered."""

    def subscribe(self, topic: Topic, wake: Callable[[], object]) -> None:
        """Have `wake` called after each announcement of `topic`, and sometimes without one."""
        ...

    def pause(self, seconds: float) -> float:
        """Return the seconds between polls of a loop that polls every `seconds` without wakeups."""
        ...

    def delivered(self) -> AbstractContextManager[object]:
        """Deliver announcements inside the block."""
        ...


class NoWakeups:
    """Implements `Wakeups` for files, which processes of one machine poll."""

    def subscribe(self, topic: Topic, wake: Callable[[], object]) -> None: ...

    def pause(self, seconds: float) -> float:
        return seconds

    def delivered(self) -> AbstractContextManager[object]:
        return nullcontext()


NO_WAKEUPS = NoWakeups()
