"""The banner of a lock: up while it holds, edited when it is over."""

from dataclasses import dataclass
from datetime import datetime

from bot.blocks.elements import Payload, button, context, duration, foreign, quoted, section, when
from bot.blocks.rendering_context import Look
from engine.domain.state import LockState

UNLOCK = "floe_unlock"


@dataclass(frozen=True, slots=True)
class Over:
    """How a lock ended; `by` is None when it ran out."""

    by: str | None
    at: datetime
    can_continue: int


def banner(key: str, environment: str, held: LockState, waiting: int, look: Look) -> Payload:
    """`waiting` changes are stopped by it."""
    by = look.person(held.operator)
    said = f"*{environment} is locked* :lock: Nothing is promoted there.\n{quoted(held.reason)}"
    parts = [f"by {by}"]
    parts += [f"since {when(held.at)}"] if held.at else []
    parts += [f"until {when(held.expires_at)}"] if held.expires_at else ["until it is unlocked"]
    parts += [f"{_changes(waiting)} waiting"] if waiting else []
    unlock = button("Unlock…", UNLOCK, environment, spoken=f"Unlock {environment}")
    return Payload(
        f"{environment} is locked by {by}: {foreign(held.reason)}",
        (section(key, said, unlock), context("ctx", " · ".join(parts))),
    )


def banner_over(key: str, environment: str, held: LockState, over: Over, look: Look) -> Payload:
    lasted = f" after {duration((over.at - held.at).total_seconds())}" if held.at else ""
    ended = (
        f"unlocked by {look.person(over.by)}{lasted}" if over.by else f"the lock ran out{lasted}"
    )
    more = f", {_changes(over.can_continue)} can continue" if over.can_continue else ""
    said = f"*{environment} is unlocked* :unlock: {ended}{more}.\n{quoted(held.reason, 300)}"
    return Payload(f"{environment} is unlocked: {ended}{more}.", (section(key, said),))


def _changes(count: int) -> str:
    return f"{count} change{'s' if count != 1 else ''}"
