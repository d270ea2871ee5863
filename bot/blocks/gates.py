"""The gates of a change: a line for each in the thread, a plan or a table on the card."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.blocks.elements import (
    SECTION,
    Block,
    Payload,
    code,
    context,
    escape,
    format_duration,
    join_lines,
    link,
    section,
)
from bot.blocks.newer_blocks import Task, plan, table
from bot.blocks.rendering_context import RenderingContext, short_step
from engine.domain.change import Change, ChangeState
from engine.domain.gate import GateResult, GateStatus
from engine.domain.text import last_lines

_MARKS = {
    GateStatus.FAILED: "❌",
    GateStatus.WARNING: "⚠️",
    GateStatus.PASSED: "✅",
    GateStatus.SKIPPED: "➖",
}
_ORDER = list(_MARKS)
# The characters of an output that fit into a section.
_OUTPUT = 2800
# The states in which the card has a table of the gates.
TABLE_STATES = (ChangeState.AWAITING_APPROVAL, ChangeState.BLOCKED)


@dataclass(frozen=True)
class GateProgress:
    """The gates of a change that is being checked."""

    total: int = 0
    finished: tuple[GateResult, ...] = ()
    running: tuple[str, ...] = ()


def gate_blocks(change: Change, gates: GateProgress) -> list[Block]:
    """A plan while gates run, and a table of their results before a decision or a fix."""
    results = sorted(change.gate_results or gates.finished, key=lambda r: _ORDER.index(r.status))
    if change.state is ChangeState.CHECKING and (results or gates.running):
        tasks = [Task(gate_title(name), "in_progress") for name in gates.running]
        return [
            plan("gates", finished_gates(len(results), gates.total), [*tasks, *map(_task, results)])
        ]
    if change.state not in TABLE_STATES or not results:
        return []
    rows = [(gate_title(r.gate), _status(r), _took(r), r.error or "") for r in results]
    return [table("gates", ("Gate", "Result", "Time", "Details"), rows)]


def count_gates(some: int, all_of_them: int) -> str:
    return f"{some} of {all_of_them} gate{'' if all_of_them == 1 else 's'}"


def finished_gates(done: int, total: int) -> str:
    total = max(done, total)
    return f"{count_gates(done, total)} {'has' if total == 1 else 'have'} finished"


def gate_lines(key: str, change: Change, results: Sequence[GateResult]) -> Payload:
    """Render gates that ended at about the same time, in the order they ended."""
    lines = [_line(result) for result in results]
    said = ", ".join(f"{gate_title(result.gate)} {result.status.value}" for result in results)
    text = f"{escape(short_step(change))}: {said}"
    return Payload(text, (section(key, join_lines(lines, SECTION)),))


def gate_output(
    key: str, change: Change, gate: str, output: bytes, rendering: RenderingContext
) -> Payload:
    """The last lines that a failed gate printed, and the way to all of them."""
    kept, room = list[str](), _OUTPUT
    for line in reversed(last_lines(output)):
        shown = escape(line.replace("`", chr(39)), _OUTPUT)
        room -= len(shown) + 1
        if room < 0:
            break
        kept.insert(0, shown)
    title, lines = gate_title(gate), "\n".join(kept)
    command = f"floe platform changes show {change.id} --output-of {gate}"
    whole = f"Whole output: {code(rendering.use_slash_commands(command))}"
    if rendering.page:
        place = f"{rendering.page}/changes/{change.id}#output-{gate.replace('_', '-')}"
        whole = link(place, "Whole output")
    last = section(key, f"Last lines of *{title}*:\n```\n{lines}\n```")
    text = f"{escape(short_step(change))}: the last lines of {title}"
    return Payload(text, (last, context("whole", whole)))


def gate_title(name: str) -> str:
    return name.replace("_", " ")


def _line(result: GateResult) -> str:
    took = f" in {duration}" if (duration := _took(result)) else ""
    why = f": {escape(result.error, 300)}" if result.error else ""
    return f"*{gate_title(result.gate)}* {_status(result)}{took}{why}"


def _task(result: GateResult) -> Task:
    status = "error" if result.status is GateStatus.FAILED else "complete"
    return Task(gate_title(result.gate), status, result.error or result.status.value)


def _status(result: GateResult) -> str:
    return f"{result.status.value} {_MARKS[result.status]}"


def _took(result: GateResult) -> str:
    return format_duration(result.duration_ms / 1000) if result.duration_ms >= 1000 else ""
