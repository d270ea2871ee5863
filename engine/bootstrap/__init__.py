"""Builds an engine from manifest.yaml; the only package that imports adapters."""

from engine.bootstrap.adapters import AUDIT, SECONDARIES, WEBHOOKS
from engine.bootstrap.clock import SystemClock
from engine.bootstrap.identity import check_registry_user, local_operator
from engine.bootstrap.platform import (
    ACTING,
    changes_in_flight,
    keeps_changes,
    open_command_engine,
    open_command_platform,
    open_engine,
    open_platform,
    open_reading_engine,
    record_refusal,
    store_gate_outputs,
)

__all__ = [
    "ACTING",
    "AUDIT",
    "SECONDARIES",
    "WEBHOOKS",
    "SystemClock",
    "changes_in_flight",
    "check_registry_user",
    "keeps_changes",
    "local_operator",
    "open_command_engine",
    "open_command_platform",
    "open_engine",
    "open_platform",
    "open_reading_engine",
    "record_refusal",
    "store_gate_outputs",
]
