"""Webhooks: what happened is told to others, later if need be, and never stops anything."""

from engine.adapters.webhooks.hook import Hook
from engine.adapters.webhooks.outbox import SqliteOutbox
from engine.adapters.webhooks.webhooks import Webhooks

__all__ = ["Hook", "SqliteOutbox", "Webhooks"]
