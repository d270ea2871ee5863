"""What an audit found, and what the ledger says, for people and for programs."""

from collections.abc import Iterable, Sequence

import click

from cli.errors import as_json, failure_lines
from cli.output import Answer
from cli.render.entry import Entry, entry_document
from cli.render.status import when
from cli.render.table import show
from cli.stdio import unwritten
from engine.domain.audit import AuditReport, EnvironmentAudit
from engine.domain.errors import PromotionError
from engine.domain.record import AnyRecord, LockRecord, RefusalRecord, UnlockRecord
from engine.domain.text import printable
from engine.responses.common import error_document
from engine.responses.ledger import audit_document

_HEADS = ("WHEN", "WHAT", "ENVIRONMENT", "NO", "VERSION", "DIGEST", "BY", "WHY")


def verified(report: AuditReport, trace_id: str) -> Answer:
    document = audit_document(report, trace_id)
    remarks = [line for found in report.environments for line in _remarks(found)]
    verdicts = [_verdict(found) for found in report.environments]
    lines = [*remarks, f"Trace ID: {trace_id}", *verdicts]
    return Answer(document, lines, exit_code=0 if report.sound else 1)


def listed(entries: Sequence[Entry], limit: int | None, trace_id: str) -> Answer:
    document = {
        "success": True,
        "records": [entry_document(entry) for entry in entries],
        "trace_id": trace_id,
        "error": None,
    }
    lines = show("What the ledger says, newest first", _HEADS, [_row(entry) for entry in entries])
    if len(entries) == limit:
        lines.append(f"(the newest {limit}; --limit shows more, 0 all of them)")
    return Answer(document, lines)


def written(entries: Iterable[Entry]) -> Answer:
    """Each as a line of JSON as soon as it is read: there may be more than fit into memory."""
    try:
        for entry in entries:
            click.echo(as_json(entry_document(entry), one_line=True))
    except BrokenPipeError:
        # Whoever reads the lines has enough of them.
        return Answer(None)
    except OSError as error:
        return Answer(None, exit_code=unwritten(error, 0))
    return Answer(None)


def failure(listing: str, trace_id: str, error: PromotionError) -> Answer:
    """`listing` names what the document would have listed."""
    document = {"success": False, listing: [], "trace_id": trace_id}
    lines = [*failure_lines("No answer", error), f"Trace ID: {trace_id}"]
    document |= {"error": error_document(error)}
    return Answer(document, lines, error.exit_code, failed=True)


def _remarks(found: EnvironmentAudit) -> list[str]:
    problems = [f"PROBLEM {r.kind.value}: {r.message}" for r in found.problems]
    return [*problems, *(f"note {r.kind.value}: {r.message}" for r in found.notes)]


def _verdict(found: EnvironmentAudit) -> str:
    records = f"{found.entries} record{'' if found.entries == 1 else 's'}"
    head = f"{records}, head {found.head}" if found.head else "nothing was recorded yet"
    if found.sound:
        return f"The ledger of {found.environment} is sound: {head}"
    count = len(found.problems)
    problems = f"{count} problem{'' if count == 1 else 's'}"
    proven = f"{records} proven by the head {found.head}" if found.head else "there is no head"
    return f"The ledger of {found.environment} is not sound: {problems}, {proven}"


def _row(entry: Entry) -> tuple[str, ...]:
    record = entry.record
    cells = (
        when(record.at),
        record.kind,
        entry.environment,
        str(entry.sequence),
        _version(record),
        (record.subject_digest or "-")[:19],
        record.operator if record.identity_verified else f"{record.operator} (not verified)",
        _why(record),
    )
    return tuple(printable(cell) for cell in cells)


def _version(record: AnyRecord) -> str:
    return "-" if isinstance(record, LockRecord | UnlockRecord) else record.version or "-"


def _why(record: AnyRecord) -> str:
    if isinstance(record, RefusalRecord):
        return f"{record.message} ({record.count} times)" if record.count > 1 else record.message
    return "" if record.kind == "promotion" else record.reason
