"""What webhooks were not told of, for people and for programs."""

from datetime import datetime

from cli.errors import failure_lines
from cli.output import Answer
from cli.render.status import when
from cli.render.table import show
from cli.render.told import Told
from engine.domain.errors import PromotionError
from engine.domain.text import printable
from engine.responses.common import Document, error_document
from engine.responses.webhooks import webhooks_document

_HEADS = ("WHEN", "EVENT", "TO", "TRIES", "WHY", "ID")


class _ToldDelivery(Told):
    """One message that was given up."""

    id: str
    to: str | None
    event: str
    created_at: datetime
    attempts: int
    problem: str | None


class _ToldWebhooks(Told):
    success: bool
    waiting: int
    redelivered: tuple[str, ...]
    failed: tuple[_ToldDelivery, ...]
    trace_id: str


def told(document: Document) -> Answer:
    """Exit code 1 when something that was tried again failed again."""
    said = _ToldWebhooks.model_validate(document)
    lines = [_redelivered(said)] if said.redelivered else []
    if said.failed:
        rows = [tuple(printable(cell) for cell in _row(each)) for each in said.failed]
        lines += show("What webhooks were not told of", _HEADS, rows)
        lines.append("To try again: floe platform webhooks --redeliver ID, or all")
    else:
        lines.append("Nothing was given up")
    if said.waiting:
        lines.append(f"{said.waiting} still to be delivered")
    lines.append(f"Trace ID: {said.trace_id}")
    return Answer(document, lines, 0 if said.success else 1)


def failure(trace_id: str, error: PromotionError) -> Answer:
    document = webhooks_document((), 0, (), trace_id) | {"success": False}
    lines = [*failure_lines("No answer", error), f"Trace ID: {trace_id}"]
    document |= {"error": error_document(error)}
    return Answer(document, lines, error.exit_code, failed=True)


def _redelivered(said: _ToldWebhooks) -> str:
    again = len({each.id for each in said.failed} & set(said.redelivered))
    tried = f"{len(said.redelivered)} tried again"
    return f"{tried}, {again} given up once more" if again else f"{tried}, none given up"


def _row(each: _ToldDelivery) -> tuple[str, ...]:
    to = each.to or "(not configured any more)"
    why = each.problem or "-"
    return (when(each.created_at), each.event, to, str(each.attempts), why, each.id)
