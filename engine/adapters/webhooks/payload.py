"""What a webhook is told of a record (FR-042)."""

from pydantic import JsonValue

from engine.domain.canonical import canonical_json
from engine.domain.record import AnyRecord, PromotionRecord
from engine.domain.text import iso_time

EVENTS = {
    "promotion": "promote",
    "rollback": "rollback",
    "restore": "restore",
    "lock": "lock",
    "unlock": "unlock",
}
# Records have these or they do not; a receiver finds every key, null where there is nothing.
_FIELDS = ("artifact_tag", "artifact_digest", "version", "reason", "impact_analysis")


def event_of(record: AnyRecord) -> str | None:
    """The event `record` is; None for what no webhook is told."""
    return EVENTS.get(record.kind)


def payload_of(record: AnyRecord) -> dict[str, JsonValue]:
    """The message about `record`, whose event is not None."""
    promotion = isinstance(record, PromotionRecord)
    fields: dict[str, JsonValue] = record.model_dump(mode="json")
    return {
        "event_type": EVENTS[record.kind],
        f"{record.kind}_id": record.id,
        **{name: fields.get(name) for name in _FIELDS},
        "environment": record.ledger,
        "source_env": fields["source_environment"] if promotion else None,
        "target_env": record.ledger,
        "operator": record.operator,
        "timestamp": iso_time(record.at),
        "trace_id": record.trace_id,
    }


def body_of(record: AnyRecord) -> bytes:
    """`payload_of` as it is sent and signed: the same bytes for every attempt."""
    return canonical_json(payload_of(record))
