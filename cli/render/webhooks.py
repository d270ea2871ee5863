"""Render the answer about failed webhook deliveries."""

from cli.output import Answer
from cli.render.common import trace_line
from cli.render.table import show, when
from engine.domain.text import printable
from engine.responses.webhooks import FailedDelivery, WebhooksResponse

_HEADS = ("WHEN", "EVENT", "TO", "TRIES", "WHY", "ID")


def render(response: WebhooksResponse) -> Answer:
    """Exit code 1 when a delivery that was repeated failed again."""
    lines = [_repeated(response)] if response.redelivered else []
    if response.failed:
        rows = [tuple(printable(cell) for cell in _row(each)) for each in response.failed]
        lines += show(_HEADS, rows)
        lines.append("To try again: floe platform webhooks --redeliver ID, or all")
    else:
        lines.append("No delivery failed")
    if response.waiting:
        lines.append(f"Waiting for delivery: {response.waiting}")
    lines.append(trace_line(response.trace_id))
    return Answer(response, lines, 0 if response.success else 1)


def _repeated(response: WebhooksResponse) -> str:
    return f"Repeated: {len(response.redelivered)}, failed again: {response.failed_again}"


def _row(each: FailedDelivery) -> tuple[str, ...]:
    to = each.to or "(not configured any more)"
    why = each.problem or "-"
    return (when(each.created_at), each.event, to, str(each.attempts), why, each.id)
