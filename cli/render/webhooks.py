"""What webhooks were not told of, for people and for programs."""

from collections.abc import Sequence

from cli.answer import Answer
from cli.failure import failure_lines
from cli.render.status import when
from cli.render.table import show
from engine.domain.delivery import Undelivered
from engine.domain.documents.answers import error_document
from engine.domain.documents.webhooks import webhooks_document
from engine.domain.errors import PromotionError
from engine.domain.text import printable

_HEADS = ("WHEN", "EVENT", "TO", "TRIES", "WHY", "ID")


def listed(
    failed: Sequence[Undelivered], waiting: int, redelivered: Sequence[str], trace_id: str
) -> Answer:
    lines = [_redelivered(failed, redelivered)] if redelivered else []
    if failed:
        rows = [tuple(printable(cell) for cell in _row(each)) for each in failed]
        lines += show("What webhooks were not told of", _HEADS, rows)
        lines.append("To try again: floe platform webhooks --redeliver ID, or all")
    else:
        lines.append("Nothing was given up")
    if waiting:
        lines.append(f"{waiting} still to be delivered")
    lines.append(f"Trace ID: {trace_id}")
    document = webhooks_document(failed, waiting, redelivered, trace_id)
    code = 1 if _again(failed, redelivered) else 0
    return Answer(document | {"success": code == 0}, lines, code)


def failure(trace_id: str, error: PromotionError) -> Answer:
    document = webhooks_document((), 0, (), trace_id) | {"success": False}
    lines = [*failure_lines("No answer", error), f"Trace ID: {trace_id}"]
    document |= {"error": error_document(error)}
    return Answer(document, lines, error.exit_code, failed=True)


def _redelivered(failed: Sequence[Undelivered], redelivered: Sequence[str]) -> str:
    again = _again(failed, redelivered)
    tried = f"{len(redelivered)} tried again"
    return f"{tried}, {again} given up once more" if again else f"{tried}, none given up"


def _again(failed: Sequence[Undelivered], redelivered: Sequence[str]) -> int:
    return len({each.delivery.id for each in failed} & set(redelivered))


def _row(each: Undelivered) -> tuple[str, ...]:
    delivery = each.delivery
    to = each.to or "(not configured any more)"
    problem = delivery.problem or "-"
    return (
        when(delivery.created_at),
        delivery.event,
        to,
        str(delivery.attempts),
        problem,
        delivery.id,
    )
