"""Webhooks: deliver events to other systems, with retries, without blocking operations."""

from engine.adapters.webhooks.deliverer import keep_delivering
from engine.adapters.webhooks.hook import Hook
from engine.adapters.webhooks.outbox import (
    MIGRATIONS,
    SqlOutbox,
    adopt_deliveries,
    outbox_database,
)
from engine.adapters.webhooks.webhooks import Webhooks

__all__ = [
    "MIGRATIONS",
    "Hook",
    "SqlOutbox",
    "Webhooks",
    "adopt_deliveries",
    "keep_delivering",
    "outbox_database",
]
