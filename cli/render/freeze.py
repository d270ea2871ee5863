"""The end of a lock or an unlock, as JSON of spec 18 and as the lines people look for."""

from dataclasses import dataclass
from typing import Any, Literal

from cli.answer import Answer
from cli.failure import error_document, failure_lines
from cli.render.request import (
    ended,
    findings_document,
    operator_line,
    refused_lines,
    trace_line,
    warned_lines,
)
from cli.render.status import when
from engine.domain.errors import PromotionError
from engine.domain.record import LockRecord, UnlockRecord
from engine.domain.result import Ending, Result
from engine.domain.text import printable

_OWN: dict[str, tuple[str, ...]] = {
    "lock": ("lock_id", "locked_at", "expires_at"),
    "unlock": ("unlock_id", "locked_by", "locked_reason", "authorized_via", "unlocked_at"),
}


@dataclass(frozen=True)
class AskedFreeze:
    """The command, as typed until it is understood: answers name it even when it is not."""

    verb: Literal["lock", "unlock"]
    environment: str
    reason: str
    trace_id: str


def failure(asked: AskedFreeze, error: PromotionError) -> Answer:
    document = _blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_not_done(asked), error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: AskedFreeze, result: Result) -> Answer:
    plan, record = result.plan, result.record
    document = _blank(asked) | ended(result)
    document |= {"operator": plan.request.operator.name, "findings": findings_document(plan)}
    if isinstance(record, LockRecord | UnlockRecord):
        fields = record.model_dump(mode="json")
        document |= {name: fields[name] for name in ("reason", "operator", *_OWN[asked.verb])}
    if result.error is not None:
        lines = [*refused_lines(_not_done(asked), result), trace_line(asked.trace_id)]
        return Answer(document, lines, result.error.exit_code, failed=True)
    lines = [*_done(asked, result), *warned_lines(result.warnings), trace_line(asked.trace_id)]
    return Answer(document, lines)


def _blank(asked: AskedFreeze) -> dict[str, Any]:
    return {
        "success": False,
        "outcome": Ending.FAILED.value,
        "environment": asked.environment,
        "reason": asked.reason,
        "operator": None,
        **dict.fromkeys(_OWN[asked.verb]),
        "findings": [],
        "warnings": [],
        "trace_id": asked.trace_id,
        "error": None,
    }


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
