"""The end of a lock or an unlock, as JSON of spec 18 and as the lines people look for."""

from cli.answer import Answer
from cli.failure import failure_lines
from cli.render.request import (
    operator_line,
    refused_lines,
    trace_line,
    warned_lines,
)
from cli.render.status import when
from engine.domain.documents.answers import error_document
from engine.domain.documents.freeze import AskedFreeze, blank, freeze_document
from engine.domain.errors import PromotionError
from engine.domain.record import LockRecord, UnlockRecord
from engine.domain.result import Result
from engine.domain.text import printable


def failure(asked: AskedFreeze, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_not_done(asked), error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: AskedFreeze, result: Result) -> Answer:
    document = freeze_document(asked, result)
    if result.error is not None:
        lines = [*refused_lines(_not_done(asked), result), trace_line(asked.trace_id)]
        return Answer(document, lines, result.error.exit_code, failed=True)
    lines = [*_done(asked, result), *warned_lines(result.warnings), trace_line(asked.trace_id)]
    return Answer(document, lines)


def _not_done(asked: AskedFreeze) -> str:
    return f"Not {asked.verb}ed"


def _done(asked: AskedFreeze, result: Result) -> list[str]:
    match result.record:
        case LockRecord() as record:
            until = when(record.expires_at) if record.expires_at else "it is unlocked"
            about = [f"  Until: {until}"]
        case UnlockRecord() as record:
            about = [f"  Was locked by: {printable(record.locked_by)}"]
            about.append(f"  Because of: {printable(record.locked_reason)}")
        case _:
            return [f"Unchanged: environment '{asked.environment}' is not locked"]
    return [
        f"Environment '{asked.environment}' is now {asked.verb}ed",
        f"  Reason: {printable(record.reason)}",
        *about,
        operator_line(record),
        f"  Record: {record.id}",
    ]
