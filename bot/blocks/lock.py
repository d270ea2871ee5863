"""The banner of a lock, and its text after the lock ended."""

from dataclasses import dataclass
from datetime import datetime

from bot.blocks.elements import (
    Payload,
    button,
    context,
    escape,
    format_duration,
    format_time,
    quote,
    section,
)
from bot.blocks.rendering_context import RenderingContext
from engine.domain.product import qualified
from engine.domain.state import LockState

UNLOCK = "floe_unlock"


@dataclass(frozen=True, slots=True)
class LockEnd:
    """The end of a lock; `by` is None when it expired."""

    by: str | None
    at: datetime
    can_continue: int


def banner(
    key: str, environment: str, held: LockState, waiting: int, rendering: RenderingContext
) -> Payload:
    """Render a lock that stops `waiting` open changes."""
    by = rendering.mention(held.operator)
    place = rendering.place(environment)
    text = f"*{place} is locked* :lock: Promotions are stopped.\n{quote(held.reason)}"
    end = format_time(held.expires_at) if held.expires_at else "it is unlocked"
    parts = [f"by {by}"]
    parts += [f"since {format_time(held.at)}"] if held.at else []
    parts += [f"until {end}"]
    parts += [f"{_changes(waiting)} waiting"] if waiting else []
    value = qualified(rendering.product, environment)
    unlock = button("Unlock…", UNLOCK, value, spoken=f"Unlock {place}")
    return Payload(
        f"{place} is locked by {by}: {escape(held.reason)}",
        (section(key, text, unlock), context("ctx", " · ".join(parts))),
    )


def ended_banner(
    key: str, environment: str, held: LockState, end: LockEnd, rendering: RenderingContext
) -> Payload:
    lasted = f" after {format_duration((end.at - held.at).total_seconds())}" if held.at else ""
    cause = f"unlocked by {rendering.mention(end.by)}" if end.by else "the lock expired"
    ending = f"{cause}{lasted}"
    more = f", {_changes(end.can_continue)} can continue" if end.can_continue else ""
    place = rendering.place(environment)
    text = f"*{place} is unlocked* :unlock: {ending}{more}.\n{quote(held.reason, 300)}"
    return Payload(f"{place} is unlocked: {ending}{more}.", (section(key, text),))


def _changes(count: int) -> str:
    return f"{count} change{'s' if count != 1 else ''}"
