"""Deliveries of webhooks, waiting or failed."""

from dataclasses import dataclass, field
from datetime import datetime

from engine.domain.product import UNNAMED


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One message to one webhook.

    `id` depends on the record and the webhook only, so that a receiver can recognize repetitions.
    The URL and headers are not stored: `hook` is the position of the webhook in manifest.yaml, and
    `address` a hash of its URL.
    """

    id: str
    hook: int
    address: str
    event: str
    record_id: str
    body: bytes = field(repr=False)
    created_at: datetime
    attempts: int = 0
    problem: str | None = None
    product: str = UNNAMED


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A failed delivery. `to` is scheme and host; None if the webhook is no longer configured."""

    delivery: Delivery
    to: str | None
