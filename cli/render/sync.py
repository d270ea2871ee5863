"""Render the answer of `sync`."""

from cli.output import Answer
from cli.render.common import exit_code, trace_line
from engine.domain.mirroring import SyncStatus
from engine.domain.text import printable
from engine.responses.sync import SyncResponse, SyncRow

_SHOWN = 10


def render(response: SyncResponse) -> Answer:
    lines = [line for row in response.registries for line in _row(row)]
    if not response.registries:
        lines.append("No secondary registries are configured: nothing to copy")
    if response.relisted:
        records = f"{response.relisted} records"
        lines.append(f"Listed {records} again that the list of referrers had lost")
    return Answer(response, [*lines, trace_line(response.trace_id)], exit_code(response.error))


def _row(row: SyncRow) -> list[str]:
    place = f"{printable(row.registry)}: {printable(row.environment)}"
    changed = [f"{place}: repaired {_changes(row)}"] if row.changed or row.bytes_sent else []
    problems = [f"{place}: FAILED: {printable(error)}" for error in row.errors]
    if row.status is SyncStatus.IN_SYNC:
        return [f"{place}: in sync"]
    return [*changed, *problems]


def _changes(row: SyncRow) -> str:
    names = ", ".join(map(printable, row.changed[:_SHOWN])) or "content"
    more = f" and {len(row.changed) - _SHOWN} more" if len(row.changed) > _SHOWN else ""
    return f"{names}{more} ({row.bytes_sent} bytes sent)"
