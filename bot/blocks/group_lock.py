"""The message about a lock of several products, with the result of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.blocks.elements import (
    Block,
    Payload,
    actions,
    button,
    context,
    count_products,
    escape,
    join_lines,
    quote,
    section,
)

UNLOCK_ALL = "floe_unlock_all"
# A section holds this many characters of names.
_NAMES = 2500


class PartState(StrEnum):
    """The state of the lock of one product."""

    LOCKING = "locking"
    LOCKED = "locked"
    REFUSED = "refused"
    UNLOCKING = "unlocking"
    UNLOCKED = "unlocked"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Part:
    """
    One product of the lock. `detail` is the reason of a refusal or of a delay.

    `locked_at` is the time of the lock that was taken. `tries` counts attempts.
    """

    product: str
    environment: str
    state: PartState
    detail: str = ""
    locked_at: str | None = None
    tries: int = 0


def render_group_lock(
    lock_id: str, environment: str, by: str, reason: str, parts: Sequence[Part]
) -> Payload:
    """Render the message; `by` mentions the person who locked."""
    of = count_products(parts)
    head = f"*{environment} of {of}* :lock: locked by {by}\n{quote(reason)}"
    blocks: list[Block] = [section(f"grouplock:{lock_id}", head)]
    counts = []
    for state, title in _TITLES.items():
        found = [part for part in parts if part.state is state]
        if found:
            counts.append(f"{len(found)} {title}")
            blocks += _group(state, title, found)
    if any(part.state in (PartState.LOCKING, PartState.LOCKED) for part in parts):
        unlock = button("Unlock all…", UNLOCK_ALL, lock_id, spoken=f"Unlock {environment} of all")
        blocks.append(actions(f"undo:{lock_id}", unlock))
    blocks.append(context("ctx", "Unlock all removes only the locks of this message."))
    text = f"{environment} of {of} locked by {by}: {escape(reason)}. {', '.join(counts)}"
    return Payload(text, tuple(blocks))


_TITLES = {
    PartState.REFUSED: "refused",
    PartState.LOCKING: "being locked",
    PartState.LOCKED: "locked",
    PartState.UNLOCKING: "being unlocked",
    PartState.KEPT: "kept",
    PartState.UNLOCKED: "unlocked",
}


def _group(state: PartState, title: str, parts: Sequence[Part]) -> list[Block]:
    """The parts in one state: their names, and those with a detail in a line each."""
    plain = [part.product for part in parts if not part.detail]
    lines = [f"• {part.product}: {escape(part.detail, 300)}" for part in parts if part.detail]
    names = [escape(", ".join(plain), _NAMES)] if plain else []
    text = join_lines([f"*{title.capitalize()} ({len(parts)})*", *names, *lines], 2900)
    return [section(f"{state}", text)]
