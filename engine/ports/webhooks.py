"""The delivery of webhooks, with an outbox that survives restarts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from engine.domain.delivery import Delivery, Undelivered
from engine.domain.errors import DeliveryNotFoundError
from engine.domain.record import AnyRecord


class Outbox(Protocol):
    """
    Stores the deliveries of a product until they are done. It survives kill -9; several processes
    may share it.

    Every method waits a few seconds for another writer, then raises StoreUnavailableError.
    """

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Store `deliveries`, due at once; skip those whose id was added in the last 30 days."""
        ...

    def take(self, now: datetime, lasting: timedelta, limit: int = 20) -> tuple[Delivery, ...]:
        """
        Claim due deliveries, oldest first, until `now + lasting`.

        If the caller dies before it finishes one, that delivery is then due again.
        """
        ...

    def due_times(self) -> Mapping[str, datetime]:
        """The time of the next due delivery of each product, also of others, that has one."""
        ...

    def done(self, delivery: Delivery, now: datetime) -> None:
        """Remove a delivery that succeeded."""
        ...

    def again(self, delivery: Delivery, problem: str, at: datetime) -> None:
        """Schedule a failed attempt for a retry at `at`, and count the attempt."""
        ...

    def failed(self, delivery: Delivery, problem: str, now: datetime) -> None:
        """Mark a delivery as failed for good, and count the attempt."""
        ...

    def failures(self, limit: int = 100) -> tuple[Delivery, ...]:
        """List the failed deliveries, newest first."""
        ...

    def redeliver(self, delivery_id: str, now: datetime) -> bool:
        """Make a failed delivery due again, with all its attempts; False if there is none."""
        ...

    def waiting(self) -> int:
        """Count the waiting deliveries."""
        ...

    def backlog(self) -> tuple[int, datetime | None]:
        """Count the waiting deliveries, and return the time of the oldest one."""
        ...


class WebhookSender(Protocol):
    """
    Delivers records to webhooks.

    The first three methods raise nothing: a failing webhook stops nothing (FR-043). The others
    raise StoreUnavailableError while the outbox cannot be used.
    """

    def enqueue(self, record: AnyRecord, anchor: str | None = None) -> None:
        """Store the deliveries of `record` at `anchor` of the ledger; `deliver_due` sends them."""
        ...

    def deliver_due(self, seconds: float = 5) -> None:
        """Send the due deliveries for at most `seconds`; the rest waits for the next call."""
        ...

    def undelivered(self, limit: int = 100) -> tuple[Undelivered, ...]:
        """List the failed deliveries, newest first."""
        ...

    def waiting(self) -> int:
        """Count the waiting deliveries."""
        ...

    def backlog(self) -> tuple[int, datetime | None]:
        """Count the waiting deliveries, and return the time of the oldest one."""
        ...

    def redeliver(self, delivery_id: str) -> bool:
        """Make a failed delivery due again, with all its attempts; False for an unknown id."""
        ...


class NoWebhooks:
    """Implements `WebhookSender` without webhooks."""

    def enqueue(self, record: AnyRecord, anchor: str | None = None) -> None: ...
    def deliver_due(self, seconds: float = 5) -> None: ...

    def undelivered(self, limit: int = 100) -> tuple[Undelivered, ...]:  # noqa: ARG002 - none
        return ()

    def waiting(self) -> int:
        return 0

    def backlog(self) -> tuple[int, datetime | None]:
        return 0, None

    def redeliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - none
        return False


NO_WEBHOOKS = NoWebhooks()


def redeliver_failed(webhook_sender: WebhookSender, wanted: str) -> tuple[str, ...]:
    """
    Send a failed delivery again, by its id or `all` of them; returns the ids that were sent.

    DeliveryNotFoundError if no delivery of that id has failed.
    """
    again = tuple(_make_due(webhook_sender, wanted))
    if not again and wanted != "all":
        raise DeliveryNotFoundError(
            f"No failed delivery '{wanted}'. List them with: floe platform webhooks",
            {"id": wanted},
        )
    if again:
        webhook_sender.deliver_due()
    return again


def _make_due(webhook_sender: WebhookSender, wanted: str) -> Iterator[str]:
    if wanted != "all":
        yield from [wanted] if webhook_sender.redeliver(wanted) else []
        return
    seen: set[str] = set()
    # They are listed in portions, and a delivery that fails again is not sent twice.
    while new := [each.delivery.id for each in webhook_sender.undelivered()]:
        new = [each for each in new if each not in seen]
        if not new:
            return
        seen.update(new)
        yield from (each for each in new if webhook_sender.redeliver(each))
