"""What `sync` put right on the secondaries, for people and for programs."""

from cli.errors import failure_lines
from cli.output import Answer
from cli.render.told import Told, ToldError
from engine.domain.errors import PromotionError
from engine.domain.mirroring import SyncReport, SyncStatus
from engine.domain.text import printable
from engine.responses.common import Document, error_document
from engine.responses.sync import sync_document

_SHOWN = 10


class _ToldRow(Told):
    """One environment on one secondary."""

    registry: str
    environment: str
    status: SyncStatus
    changed: tuple[str, ...]
    bytes_sent: int
    errors: tuple[str, ...]


class _ToldSync(Told):
    registries: tuple[_ToldRow, ...]
    relisted: int
    trace_id: str
    error: ToldError | None


def rendered(report: SyncReport, trace_id: str) -> Answer:
    return told(sync_document(report, trace_id))


def told(document: Document) -> Answer:
    said = _ToldSync.model_validate(document)
    lines = [line for row in said.registries for line in _row(row)]
    if not said.registries:
        lines.append("No secondary registries are configured: nothing to copy")
    if said.relisted:
        lines.append(f"Listed {said.relisted} records again that the list of referrers had lost")
    lines.append(f"Trace ID: {said.trace_id}")
    return Answer(document, lines, said.error.exit_code if said.error else 0)


def failure(trace_id: str, error: PromotionError) -> Answer:
    """The primary could not be read."""
    document = {"success": False, "registries": [], "relisted": 0, "trace_id": trace_id}
    lines = [*failure_lines("Not synchronized", error), f"Trace ID: {trace_id}"]
    document |= {"error": error_document(error)}
    return Answer(document, lines, error.exit_code, failed=True)


def _row(row: _ToldRow) -> list[str]:
    place = f"{printable(row.registry)}: {printable(row.environment)}"
    changed = [f"{place}: repaired {_named(row)}"] if row.changed or row.bytes_sent else []
    problems = [f"{place}: FAILED: {printable(error)}" for error in row.errors]
    if row.status is SyncStatus.IN_SYNC:
        return [f"{place}: in sync"]
    return [*changed, *problems]


def _named(row: _ToldRow) -> str:
    names = ", ".join(map(printable, row.changed[:_SHOWN])) or "content"
    more = f" and {len(row.changed) - _SHOWN} more" if len(row.changed) > _SHOWN else ""
    return f"{names}{more} ({row.bytes_sent} bytes sent)"
