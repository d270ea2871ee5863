"""The status of environments and open changes."""

from collections.abc import Sequence
from datetime import datetime

from bot.blocks.change import change_title, done_word, held_text
from bot.blocks.elements import (
    SECTION,
    Block,
    Payload,
    context,
    escape,
    format_time,
    header,
    join_lines,
    link,
    section,
)
from bot.blocks.rendering_context import RenderingContext
from engine.domain.break_glass import OpenReview
from engine.domain.change import Change, ChangeState
from engine.domain.state import list_quarantines
from engine.domain.status import Alignment, EnvironmentStatus


def render_status(
    rows: Sequence[EnvironmentStatus],
    changes: Sequence[Change],
    at: datetime,
    rendering: RenderingContext,
) -> Payload:
    """Render the answer to /promotions."""
    blocks: list[Block] = [
        header(
            "h", f"Environments of {rendering.product}" if rendering.product else "Environments"
        ),
        section("environments", environment_lines(rows, rendering)),
    ]
    if changes:
        blocks.append(section("flight", f"*Open changes*\n{change_lines(changes, rendering)}"))
    page = f" · {link(rendering.page, 'status page')}" if rendering.page else ""
    blocks.append(context("ctx", f"Only you can see this · as of {format_time(at)}{page}"))
    text = " · ".join(f"{row.name} {escape(deployed(row), 60)}" for row in rows)
    return Payload(text or "No environments", tuple(blocks))


def deployed(row: EnvironmentStatus) -> str:
    if row.error:
        return "cannot be read"
    if row.deviates:
        return f"{row.deployed} (should be {row.state.version})"
    return row.state.version or row.published or "nothing"


def environment_lines(rows: Sequence[EnvironmentStatus], rendering: RenderingContext) -> str:
    lines = (_environment(row, rendering) for row in rows)
    return join_lines(map(rendering.use_slash_commands, lines), SECTION)


def change_lines(changes: Sequence[Change], rendering: RenderingContext, limit: int = 2500) -> str:
    return join_lines((change_line(change, rendering) for change in changes), limit)


def own_lines(own: Sequence[tuple[Change, RenderingContext]]) -> str:
    """The requests of one person, each with its time."""
    lines = (
        f"{_step_and_state(change, rendering)} · {format_time(change.created_at)}"
        for change, rendering in own
    )
    return join_lines(lines, 2500) or "You have no recent requests."


def _environment(row: EnvironmentStatus, rendering: RenderingContext) -> str:
    version = row.state.version or row.published
    version = version or ("unrecorded" if row.latest else "nothing yet")
    if row.error:
        return f"*{row.name}* :warning: cannot be read: {escape(str(row.error), 300)}"
    warnings = (*row.intrusions, *map(_review, row.state.reviews))
    intrusions = "".join(f" · :warning: {each}" for each in warnings)
    if row.deviates:
        deviation = f"{escape(row.deviation, 300)}{_repair(row)}"
        return f"*{row.name}* {deviation}{intrusions}{_lock(row, rendering)}"
    by = f" by {rendering.mention(row.state.operator)}" if row.state.operator else ""
    since = f", {format_time(row.state.since)}" if row.state.since else ""
    lock = _lock(row, rendering)
    missing = [escape(each.registry, 100) for each in row.registry_sync if each.error]
    behind = f" · not on {', '.join(missing)} :warning:" if missing else ""
    held = "".join(f"\n• {escape(each, 300)}" for each in list_quarantines(row.state.quarantined))
    after = f" · after {row.after}" if row.after else ""
    built = row.published or row.alignment is Alignment.UNRECORDED
    note = f"{after}{' · published by the build' if built else ''}{behind}{intrusions}"
    return f"*{row.name}* {escape(version, 100)}{by}{since}{note}{lock}{held}"


def _repair(row: EnvironmentStatus) -> str:
    return f" :warning: To restore it: `{row.restore_command}`" if row.drifted else ""


def _review(review: OpenReview) -> str:
    return (
        f"break-glass for {escape(review.incident, 100)} needs a review until "
        f"{format_time(review.due)}: `{review.command}`"
    )


def _lock(row: EnvironmentStatus, rendering: RenderingContext) -> str:
    note = f" · {escape(row.window.note, 200)}" if row.window and row.window.note else ""
    if not row.lock:
        return note
    reason = escape(row.lock.reason, 200)
    return f"{note} · locked by {rendering.mention(row.lock.operator)} :lock: {reason}"


def change_line(change: Change, rendering: RenderingContext) -> str:
    by = f"requested by {rendering.mention(change.requester.name)}"
    return f"{_step_and_state(change, rendering)} · {by}"


def _step_and_state(change: Change, rendering: RenderingContext) -> str:
    state = change.state.value.replace("_", " ")
    if change.state is ChangeState.PROMOTED:
        state = done_word(change).lower()
    if change.held_back:
        state = f"approved, {held_text(change)}"
    waits = change.state is ChangeState.AWAITING_APPROVAL and not change.held_back
    given = f", {len(change.approvals)} of {change.required} approvals" if waits else ""
    return f"{rendering.details_link(change)}{escape(change_title(change))} · {state}{given}"
