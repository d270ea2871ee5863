"""The payload of a webhook (FR-042)."""

from pydantic import JsonValue

from engine.domain.canonical import canonical_json
from engine.domain.product import UNNAMED
from engine.domain.record import AnyRecord, PromotionRecord
from engine.domain.text import iso_time

EVENTS = {
    "promotion": "promote",
    "rollback": "rollback",
    "restore": "restore",
    "lock": "lock",
    "unlock": "unlock",
    "acknowledge": "acknowledge",
    "rotate": "rotate",
    "release": "release",
}
# Receivers find every key; it is null if the record lacks the field.
_FIELDS = ("artifact_tag", "artifact_digest", "version", "reason", "impact_analysis")


def event_of(record: AnyRecord) -> str | None:
    """Return the event of `record`, or None for records without webhooks."""
    return EVENTS.get(record.kind)


def payload_of(
    record: AnyRecord, anchor: str | None = None, product: str = UNNAMED
) -> dict[str, JsonValue]:
    """
    Build the payload of `record`, which must have an event, at `anchor` of its ledger.

    It names the product if the product has a name.
    """
    promotion = isinstance(record, PromotionRecord)
    fields: dict[str, JsonValue] = record.model_dump(mode="json")
    return {
        "event_type": EVENTS[record.kind],
        f"{record.kind}_id": record.id,
        "anchor": anchor,
        **{name: fields.get(name) for name in _FIELDS},
        "environment": record.ledger,
        "source_env": fields["source_environment"] if promotion else None,
        "target_env": record.ledger,
        "operator": record.operator,
        "timestamp": iso_time(record.at),
        "trace_id": record.trace_id,
        **({"product": product} if product else {}),
        **({"break_glass": fields["break_glass"]} if fields.get("break_glass") else {}),
    }


def body_of(record: AnyRecord, anchor: str | None = None, product: str = UNNAMED) -> bytes:
    """Return the payload in the bytes that are sent and signed, equal in every attempt."""
    return canonical_json(payload_of(record, anchor, product))
