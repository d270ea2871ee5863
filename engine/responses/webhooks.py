"""The answer about failed webhook deliveries."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from engine.domain.delivery import Undelivered
from engine.domain.record_base import UtcTime
from engine.responses.common import Error, Response, Success, TraceId


class FailedDelivery(Response):
    """One delivery that was given up."""

    id: str = Field(description="ID of the delivery; the receiver's webhook-id")
    to: str | None = Field(description="scheme and host; null when no longer configured")
    event: str = Field(description="promote, rollback, lock, …, or the type of a CDEvent")
    record_id: str = Field(description="ID of the record that was announced")
    created_at: UtcTime = Field(description="time of the first attempt")
    attempts: int = Field(description="number of attempts")
    problem: str | None = Field(description="why the last attempt failed")

    @classmethod
    def of(cls, each: Undelivered) -> Self:
        delivery = each.delivery
        return cls(
            id=delivery.id,
            to=each.to,
            event=delivery.event,
            record_id=delivery.record_id,
            created_at=delivery.created_at,
            attempts=delivery.attempts,
            problem=delivery.problem,
        )


class WebhooksResponse(Response):
    """The answer of `webhooks`."""

    success: Success = Field(description="false when a delivery that was repeated failed again")
    waiting: int = Field(description="number of deliveries that are still in the queue")
    redelivered: tuple[str, ...] = Field(description="IDs of the deliveries that were repeated")
    failed: tuple[FailedDelivery, ...] = Field(description="deliveries that were given up")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(
        cls, failed: Sequence[Undelivered], waiting: int, redelivered: Sequence[str], trace_id: str
    ) -> Self:
        """`redelivered` are the IDs that were repeated before `failed` was read."""
        return cls.build(
            success=not {each.delivery.id for each in failed} & set(redelivered),
            waiting=waiting,
            redelivered=redelivered,
            failed=[FailedDelivery.of(each) for each in failed],
            trace_id=trace_id,
        )

    @property
    def failed_again(self) -> int:
        """The number of deliveries that were repeated and failed again."""
        return len({each.id for each in self.failed} & set(self.redelivered))
