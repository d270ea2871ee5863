"""What runs where, and what is in flight."""

from collections.abc import Sequence
from datetime import datetime

from bot.blocks.change import title
from bot.blocks.elements import (
    SECTION,
    Block,
    Payload,
    bounded,
    context,
    foreign,
    header,
    link,
    section,
    when,
)
from bot.blocks.rendering_context import Look
from engine.domain.change import Change, ChangeState
from engine.domain.status import Alignment, EnvironmentStatus

_NOTES = {
    Alignment.UNRECORDED: " · published by the build",
}


def promotions(
    rows: Sequence[EnvironmentStatus], changes: Sequence[Change], at: datetime, look: Look
) -> Payload:
    """For the person who asked."""
    blocks: list[Block] = [
        header("h", "What runs where"),
        section("environments", environment_lines(rows, look)),
    ]
    if changes:
        blocks.append(section("flight", f"*In flight*\n{change_lines(changes, look)}"))
    page = f" · {link(look.page, 'status page')}" if look.page else ""
    blocks.append(context("ctx", f"Only you can see this · as of {when(at)}{page}"))
    text = " · ".join(f"{row.name} {foreign(_deployed(row), 60)}" for row in rows)
    return Payload(text or "There are no environments", tuple(blocks))


def _deployed(row: EnvironmentStatus) -> str:
    if row.error:
        return "cannot be read"
    if row.deviates:
        return f"{row.deployed} (should be {row.state.version})"
    return row.state.version or "nothing"


def environment_lines(rows: Sequence[EnvironmentStatus], look: Look) -> str:
    return bounded((_environment(row, look) for row in rows), SECTION)


def change_lines(changes: Sequence[Change], look: Look, limit: int = 2500) -> str:
    return bounded((_change(change, look) for change in changes), limit)


def _environment(row: EnvironmentStatus, look: Look) -> str:
    version = row.state.version or ("unrecorded" if row.latest else "nothing yet")
    if row.error:
        return f"*{row.name}* :warning: cannot be read: {foreign(str(row.error), 300)}"
    if row.deviates:
        return f"*{row.name}* {foreign(row.deviation, 300)}{_repair(row)}{_lock(row, look)}"
    by = f" by {look.person(row.state.operator)}" if row.state.operator else ""
    since = f", {when(row.state.since)}" if row.state.since else ""
    lock = _lock(row, look)
    missing = [foreign(each.registry, 100) for each in row.registry_sync if each.error]
    behind = f" · not on {', '.join(missing)} :warning:" if missing else ""
    note = f"{_NOTES.get(row.alignment, '')}{behind}"
    return f"*{row.name}* {foreign(version, 100)}{by}{since}{note}{lock}"


def _repair(row: EnvironmentStatus) -> str:
    return f" :warning: To put it back: `{row.restore_command}`" if row.drifted else ""


def _lock(row: EnvironmentStatus, look: Look) -> str:
    if not row.lock:
        return ""
    reason = foreign(row.lock.reason, 200)
    return f" · locked by {look.person(row.lock.operator)} :lock: {reason}"


def _change(change: Change, look: Look) -> str:
    state = change.state.value.replace("_", " ")
    waits = change.state is ChangeState.AWAITING_APPROVAL
    given = f", {len(change.approvals)} of {change.required} approvals" if waits else ""
    by = look.person(change.requester.name)
    return f"{look.details(change)}{foreign(title(change))} · {state}{given} · asked by {by}"
