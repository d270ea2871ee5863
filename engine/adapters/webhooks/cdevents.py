"""Promotions and rollbacks as CDEvents 0.5.1, in structured CloudEvents (https://cdevents.dev)."""

from urllib.parse import quote

from pydantic import JsonValue

from engine.adapters.webhooks.payload import payload_of
from engine.domain.canonical import canonical_json
from engine.domain.product import UNNAMED
from engine.domain.purl import Purl
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.text import iso_time

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
_PREFIX = "dev.cdevents."
_VERSION = "0.3.0"


def cdevent_type(record: AnyRecord) -> str | None:
    """Return the type of the CDEvent of `record`; None for records without one."""
    match record:
        case RollbackRecord():
            predicate = "rolledback"
        case PromotionRecord():
            predicate = "upgraded" if record.previous else "deployed"
        case _:
            return None
    return f"{_PREFIX}service.{predicate}.{_VERSION}"


def is_cdevent(event: str) -> bool:
    """Whether `event`, as the outbox stores it, is the type of a CDEvent."""
    return event.startswith(_PREFIX)


def cloudevent_of(
    record: AnyRecord, anchor: str | None = None, product: str = UNNAMED
) -> dict[str, JsonValue]:
    """
    Build the CloudEvent of `record`, which must have a CDEvent, at `anchor` of its ledger.

    The event is the `data`; its `customData` is the payload of other webhooks.
    """
    context, subject = _context(record, product), _subject(record, product)
    return {
        "specversion": "1.0",
        **{name: context[name] for name in ("id", "source", "type")},
        "subject": subject["id"],
        "time": context["timestamp"],
        "datacontenttype": "application/json",
        "data": {
            "context": context,
            "subject": subject,
            "customData": payload_of(record, anchor, product),
            "customDataContentType": "application/json",
        },
    }


def body_of_cdevent(record: AnyRecord, anchor: str | None, product: str) -> bytes:
    """Return the CloudEvent in the bytes that are sent and signed, equal in every attempt."""
    return canonical_json(cloudevent_of(record, anchor, product))


def _context(record: AnyRecord, product: str) -> dict[str, JsonValue]:
    place = quote(_repository(record), "/:")
    return {
        "specversion": "0.5.1",
        "id": record.id,
        "source": "/".join(filter(None, ("/floe", place, product))),
        "type": cdevent_type(record),
        "timestamp": iso_time(record.at),
    }


def _subject(record: AnyRecord, product: str) -> dict[str, JsonValue]:
    repository = _repository(record)
    name = repository.rpartition("/")[2] or "artifact"
    found = {"repository_url": repository, "tag": getattr(record, "artifact_tag", "")}
    qualifiers = {key: value for key, value in found.items() if value}
    # The form that the type `oci` of the purl specification has.
    purl = Purl("oci", name.lower(), version=record.subject_digest or "", qualifiers=qualifiers)
    content: JsonValue = {"environment": {"id": record.ledger}, "artifactId": str(purl)}
    return {"id": product or name, "content": content}


def _repository(record: AnyRecord) -> str:
    """The repository; empty for a directory of this machine, which receivers cannot reach."""
    repository = record.repository or ""
    return "" if repository.startswith("/") else repository
