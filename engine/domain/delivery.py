"""What is to be told to a webhook, and what was given up."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One message to one webhook. `id` is the same whenever the same record is told to the same
    webhook, so that a receiver can tell repetitions. Neither address nor headers are kept:
    `hook` is the position in manifest.yaml, and `address` a hash by which it is found again.
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


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What was given up. `to` is scheme and host; None for a webhook no longer configured."""

    delivery: Delivery
    to: str | None
