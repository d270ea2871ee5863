"""Render the answer of `state rebuild`."""

from collections.abc import Sequence

from cli.output import Answer
from cli.render.common import exit_code, trace_line
from cli.render.table import show, when
from engine.domain.text import printable
from engine.responses.state import RebuildResponse, RebuiltEnvironment

_HEADS = ("ENVIRONMENT", "RECORDS", "VERSION", "SINCE", "NOTES")


def render_rebuilt(rows: Sequence[RebuiltEnvironment], trace_id: str) -> Answer:
    """Fails when any environment cannot be read."""
    error = next((row.error for row in rows if row.error), None)
    response = RebuildResponse.build(
        success=error is None, environments=rows, trace_id=trace_id, error=error
    )
    lines = [*show(_HEADS, [_row(row) for row in rows]), _changes(rows)]
    return Answer(response, [*lines, trace_line(trace_id)], exit_code(error))


def _row(row: RebuiltEnvironment) -> tuple[str, ...]:
    lock = f"locked by {row.lock.operator}: {row.lock.reason}" if row.lock else ""
    notes = [f"error: {row.error.message}" if row.error else "", lock]
    return (
        row.environment,
        str(row.records),
        printable(row.version or "-"),
        when(row.since),
        printable("; ".join(note for note in notes if note)),
    )


def _changes(rows: Sequence[RebuiltEnvironment]) -> str:
    number = sum(len(row.pending or ()) for row in rows)
    if number:
        return f"Changes in flight: {number}. List them with: floe platform changes"
    return "Changes in flight: none. Those of a lost database must be requested again"
