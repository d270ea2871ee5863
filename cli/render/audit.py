"""Render the answers about ledgers: an audit, and their records."""

from collections.abc import Iterable, Sequence

import click

from cli.errors import as_json
from cli.output import Answer
from cli.render.common import trace_line
from cli.render.table import show, when
from cli.stdio import clear_passing, unwritten
from engine.domain.record import AnyRecord, PromotionRecord, RefusalRecord
from engine.domain.release_records import ReviewRecord
from engine.domain.text import printable
from engine.domain.upkeep_records import AcknowledgeRecord, RotateRecord
from engine.responses.audit import AuditResponse, EnvironmentAuditResponse
from engine.responses.checkpoints import CheckpointsResponse, ExportResponse
from engine.responses.record import HistoryResponse, RecordResponse

_HEADS = ("WHEN", "KIND", "ENVIRONMENT", "NO", "VERSION", "DIGEST", "BY", "WHY")


def render_audit(response: AuditResponse) -> Answer:
    findings = [line for found in response.environments for line in _findings(found)]
    verdicts = [_verdict(found) for found in response.environments]
    lines = [*findings, trace_line(response.trace_id), *verdicts]
    return Answer(response, lines, exit_code=0 if response.sound else 1)


def render_checkpoints(response: CheckpointsResponse) -> Answer:
    lines = [
        line for each in response.checkpoints for line in [*(each.note or "").splitlines(), ""]
    ]
    refusals = [text for each in response.checkpoints for text in each.refusals.values()]
    lines += [f"PROBLEM {text}" for text in refusals]
    lines.append(trace_line(response.trace_id))
    if not response.checkpoints:
        lines.append("There is no checkpoint: nothing was recorded yet")
    return Answer(response, lines, exit_code=5 if refusals else 0)


def render_export(response: ExportResponse) -> Answer:
    logs = [f"{each.origin}: {each.size} entries" for each in response.checkpoints]
    verify = f"Verify it with: floe platform audit verify --from {response.directory}"
    return Answer(response, [*logs, trace_line(response.trace_id), verify])


def render_history(records: Sequence[RecordResponse], limit: int | None, trace_id: str) -> Answer:
    response = HistoryResponse.build(success=True, records=records, trace_id=trace_id)
    lines = show(_HEADS, [_row(each) for each in records])
    if len(records) == limit:
        lines.append(f"(the newest {limit}; --limit shows more, 0 all of them)")
    return Answer(response, lines)


def write_lines(records: Iterable[RecordResponse]) -> Answer:
    """Print each record as a line of JSON when it is read: all of them may not fit into memory."""
    clear_passing()
    try:
        for each in records:
            click.echo(as_json(each, one_line=True))
    except BrokenPipeError:
        # The reader closed the pipe: it has enough lines.
        return Answer(None)
    except OSError as error:
        return Answer(None, exit_code=unwritten(error, 0))
    return Answer(None)


def _findings(found: EnvironmentAuditResponse) -> list[str]:
    problems = [f"PROBLEM {each.kind.value}: {each.message}" for each in found.problems]
    return [*problems, *(f"note {each.kind.value}: {each.message}" for each in found.notes)]


def _verdict(found: EnvironmentAuditResponse) -> str:
    records = f"{found.entries} record{'' if found.entries == 1 else 's'}"
    head = f"{records}, head {found.head}" if found.head else "nothing was recorded yet"
    if not found.problems:
        return f"The ledger of {found.environment} is sound: {head}"
    count = len(found.problems)
    problems = f"{count} problem{'' if count == 1 else 's'}"
    proven = f"{records} proven by the head {found.head}" if found.head else "there is no head"
    return f"The ledger of {found.environment} is not sound: {problems}, {proven}"


def _row(response: RecordResponse) -> tuple[str, ...]:
    record = response.record
    cells = (
        when(record.at),
        record.kind,
        response.environment,
        str(response.sequence),
        _version(record),
        (record.subject_digest or "-")[:19],
        record.operator if record.identity_verified else f"{record.operator} (not verified)",
        _why(record),
    )
    return tuple(printable(cell) for cell in cells)


def _version(record: AnyRecord) -> str:
    return record.subject_version or "-"


def _why(record: AnyRecord) -> str:
    if isinstance(record, RefusalRecord):
        return f"{record.message} ({record.count} times)" if record.count > 1 else record.message
    if isinstance(record, AcknowledgeRecord):
        return f"number {record.void_sequence} does not count: {record.reason}"
    if isinstance(record, RotateRecord):
        added = [f"trusts {key.key_id[:19]}" for key in record.added]
        retired = [f"retires {key.key_id[:19]}" for key in record.retired]
        return f"{', '.join(added + retired)}{': ' if record.reason else ''}{record.reason}"
    if isinstance(record, ReviewRecord):
        return f"{record.incident} {'accepted' if record.accepted else 'objected'}: {record.reason}"
    if isinstance(record, PromotionRecord):
        glass = record.break_glass
        return f"break-glass for {glass.incident}: {glass.reason}" if glass else ""
    return record.reason
