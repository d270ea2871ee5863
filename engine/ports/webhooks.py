"""What is still to be told to others, kept so that a restart loses none of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

from engine.domain.delivery import Delivery, Undelivered
from engine.domain.errors import DeliveryNotFoundError
from engine.domain.record import AnyRecord


class Outbox(Protocol):
    """
    Deliveries until they are done. Survives kill -9; several processes may share it.

    Every method waits a few seconds for another writer, then raises StoreUnavailableError.
    """

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Keep all of them, due at once; those whose id was ever added (for 30 days) are not."""
        ...

    def take(self, now: datetime, lasting: timedelta, limit: int = 20) -> tuple[Delivery, ...]:
        """
        What is due, the oldest first, for the caller alone until `now + lasting`. Whoever dies
        over it leaves it due again then.
        """
        ...

    def next_due(self) -> datetime | None:
        """When something is due next; None when nothing waits."""
        ...

    def done(self, delivery: Delivery, now: datetime) -> None:
        """It arrived."""
        ...

    def again(self, delivery: Delivery, problem: str, at: datetime) -> None:
        """It did not arrive and is due again at `at`; counts as an attempt."""
        ...

    def failed(self, delivery: Delivery, problem: str, now: datetime) -> None:
        """It did not arrive and is given up; counts as an attempt."""
        ...

    def failures(self, limit: int = 100) -> tuple[Delivery, ...]:
        """What was given up, the newest first."""
        ...

    def redeliver(self, delivery_id: str, now: datetime) -> bool:
        """Make what was given up due again, with all its attempts; False when there is none."""
        ...

    def waiting(self) -> int:
        """How many are still to be delivered."""
        ...


class Announcer(Protocol):
    """
    Tells others what happened. None of the first three raises: a failing webhook stops nothing
    (FR-043). The others raise StoreUnavailableError while the outbox cannot be used.
    """

    def announce(self, record: AnyRecord) -> None:
        """Keep what is to be told of `record`, at once; it is delivered by `deliver_due`."""
        ...

    def deliver_due(self, seconds: float = 5) -> None:
        """Tell what is due, for at most `seconds`; what is left waits for the next call."""
        ...

    def keep_delivering(self, stop: Event) -> None:
        """
        Tell what is due until `stop` is set, each webhook within its own time: the loop of a
        server, in a thread of its own.
        """
        ...

    def undelivered(self, limit: int = 100) -> tuple[Undelivered, ...]:
        """What was given up, the newest first."""
        ...

    def waiting(self) -> int:
        """How many are still to be delivered."""
        ...

    def redeliver(self, delivery_id: str) -> bool:
        """Have it tried again, with all its attempts; False where nothing of that id failed."""
        ...


class Nobody:
    """Implements `Announcer` where no webhook is configured."""

    def announce(self, record: AnyRecord) -> None: ...
    def deliver_due(self, seconds: float = 5) -> None: ...

    def keep_delivering(self, stop: Event) -> None:
        stop.wait()

    def undelivered(self, limit: int = 100) -> tuple[Undelivered, ...]:  # noqa: ARG002 - none
        return ()

    def waiting(self) -> int:
        return 0

    def redeliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - none
        return False


NOBODY = Nobody()


def try_again(announcer: Announcer, wanted: str) -> tuple[str, ...]:
    """
    Try once more what was given up: the delivery of that id, or `all`. The ids that were tried;
    DeliveryNotFoundError when nothing of that id was given up.
    """
    again = tuple(_revived(announcer, wanted))
    if not again and wanted != "all":
        raise DeliveryNotFoundError(
            f"No delivery '{wanted}' was given up: see floe platform webhooks", {"id": wanted}
        )
    if again:
        announcer.deliver_due()
    return again


def _revived(announcer: Announcer, wanted: str) -> Iterator[str]:
    if wanted != "all":
        yield from [wanted] if announcer.redeliver(wanted) else []
        return
    seen: set[str] = set()
    # Listed in pieces, and what fails again meanwhile is not tried twice.
    while new := [each.delivery.id for each in announcer.undelivered()]:
        new = [each for each in new if each not in seen]
        if not new:
            return
        seen.update(new)
        yield from (each for each in new if announcer.redeliver(each))
