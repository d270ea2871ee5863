"""What webhooks were not told of, as JSON."""

from collections.abc import Sequence

from engine.domain.delivery import Undelivered
from engine.domain.text import iso_time
from engine.responses.common import Document


def webhooks_document(
    failed: Sequence[Undelivered], waiting: int, redelivered: Sequence[str], trace_id: str
) -> Document:
    """`redelivered` are the ids that were tried again before this was looked at."""
    again = {each.delivery.id for each in failed} & set(redelivered)
    return {
        "success": not again,
        "waiting": waiting,
        "redelivered": list(redelivered),
        "failed": [undelivered_document(each) for each in failed],
        "trace_id": trace_id,
        "error": None,
    }


def undelivered_document(each: Undelivered) -> Document:
    delivery = each.delivery
    return {
        "id": delivery.id,
        "to": each.to,
        "event": delivery.event,
        "record_id": delivery.record_id,
        "created_at": iso_time(delivery.created_at),
        "attempts": delivery.attempts,
        "problem": delivery.problem,
    }
