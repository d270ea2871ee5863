"""What `sync` put right on the secondaries, for people and for programs."""

from cli.answer import Answer
from cli.failure import failure_lines
from engine.domain.documents.answers import error_document
from engine.domain.documents.sync import sync_document
from engine.domain.errors import PromotionError
from engine.domain.mirroring import EnvironmentSync, SyncReport, SyncStatus
from engine.domain.text import printable

_SHOWN = 10


def rendered(report: SyncReport, trace_id: str) -> Answer:
    lines = [line for row in report.environments for line in _row(row)]
    if not report.environments:
        lines.append("No secondary registries are configured: nothing to copy")
    if report.relisted:
        lines.append(f"Listed {report.relisted} records again that the list of referrers had lost")
    lines.append(f"Trace ID: {trace_id}")
    code = report.error.exit_code if report.error else 0
    return Answer(sync_document(report, trace_id), lines, code)


def failure(trace_id: str, error: PromotionError) -> Answer:
    """The primary could not be read."""
    document = {"success": False, "registries": [], "relisted": 0, "trace_id": trace_id}
    lines = [*failure_lines("Not synchronized", error), f"Trace ID: {trace_id}"]
    document |= {"error": error_document(error)}
    return Answer(document, lines, error.exit_code, failed=True)


def _row(row: EnvironmentSync) -> list[str]:
    place = f"{printable(row.registry)}: {row.environment}"
    changed = [f"{place}: repaired {_named(row)}"] if row.changed or row.sent else []
    problems = [f"{place}: FAILED: {printable(str(error))}" for error in row.errors]
    if row.status is SyncStatus.IN_SYNC:
        return [f"{place}: in sync"]
    return [*changed, *problems]


def _named(row: EnvironmentSync) -> str:
    names = ", ".join(row.changed[:_SHOWN]) or "content"
    more = f" and {len(row.changed) - _SHOWN} more" if len(row.changed) > _SHOWN else ""
    return f"{names}{more} ({row.sent} bytes sent)"
