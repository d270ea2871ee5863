"""Builds an engine from manifest.yaml; the only package that imports adapters, beside doctor."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.bootstrap.adapters import AUDIT, SECONDARIES, WEBHOOKS
from engine.bootstrap.clock import SystemClock
from engine.bootstrap.engine import (
    ACTING,
    keeps_changes,
    open_command_engine,
    open_engine,
    open_reading_engine,
)
from engine.bootstrap.identity import check_registry_user, local_operator

if TYPE_CHECKING:
    from engine.bootstrap.platform import (
        adopt_state,
        changes_in_flight,
        open_command_platform,
        open_platform,
        open_products,
        stored_state,
    )
    from engine.bootstrap.requests import carry_out

__all__ = [
    "ACTING",
    "AUDIT",
    "SECONDARIES",
    "WEBHOOKS",
    "SystemClock",
    "adopt_state",
    "carry_out",
    "changes_in_flight",
    "check_registry_user",
    "keeps_changes",
    "local_operator",
    "open_command_engine",
    "open_command_platform",
    "open_engine",
    "open_platform",
    "open_products",
    "open_reading_engine",
    "stored_state",
]


def __getattr__(name: str) -> Any:
    """Load changes when they are first used: commands that need none start without them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = "requests" if name == "carry_out" else "platform"
    return getattr(import_module(f"{__name__}.{place}"), name)
