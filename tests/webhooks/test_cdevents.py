"""Webhooks in the format of CDEvents: valid by the published schemas, and signed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from standardwebhooks.webhooks import Webhook as Receiver

from engine.adapters.webhooks.cdevents import cdevent_type, cloudevent_of
from engine.domain.purl import Purl
from engine.domain.record import AnyRecord
from tests.domain.records import AT, DIGEST, ID, a_promotion, a_rollback, one_of_each
from tests.peers.fake_http import Reply, Request
from tests.webhooks.webhook_kit import Sink, webhooks

SCHEMAS = Path(__file__).parents[1] / "vectors" / "cdevents"
REPOSITORY = "harbor.example.com/acme/platform"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def validator(kind: str) -> Draft202012Validator:
    """Validate by the published schema of `kind`, like dev.cdevents.service.deployed.0.3.0."""
    files = {path.stem: json.loads(path.read_text()) for path in SCHEMAS.rglob("*.json")}
    resources = [(each["$id"], Resource.from_contents(each)) for each in files.values()]
    registry: Registry[Any] = Registry().with_resources(resources)
    _, _, subject, predicate, *_ = kind.split(".")
    schema = files[subject + predicate]
    return Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())


RECORDS = [
    (a_promotion(repository=REPOSITORY, previous=None), "deployed"),
    (a_promotion(repository=REPOSITORY), "upgraded"),
    (a_rollback(repository=REPOSITORY), "rolledback"),
    (a_promotion(repository=None), "upgraded"),
    (a_promotion(repository="/var/lib/floe/registry"), "upgraded"),
]


@pytest.mark.parametrize(("record", "predicate"), RECORDS)
@pytest.mark.parametrize("product", ["", "checkout"])
def test_event_is_valid_by_the_published_schema(
    record: AnyRecord, predicate: str, product: str
) -> None:
    event = cloudevent_of(record, f"prod#7 {DIGEST}", product)["data"]

    kind = event["context"]["type"]
    assert kind == f"dev.cdevents.service.{predicate}.0.3.0"
    assert list(validator(kind).iter_errors(event)) == []


def test_schema_refuses_a_field_too_many() -> None:
    event = cloudevent_of(a_rollback())["data"]
    event["subject"]["content"]["colour"] = "green"

    assert list(validator(event["context"]["type"]).iter_errors(event))


def test_event_names_the_artifact_and_its_environment() -> None:
    found = cloudevent_of(a_promotion(repository=REPOSITORY), f"prod#7 {DIGEST}", "checkout")

    subject = found["data"]["subject"]
    purl = Purl.parse(subject["content"]["artifactId"])
    assert (purl.type, purl.name, purl.version) == ("oci", "platform", DIGEST)
    assert purl.qualifiers == {"repository_url": REPOSITORY, "tag": "v1.2.3-prod"}
    assert subject["id"] == "checkout"
    assert subject["content"]["environment"] == {"id": "prod"}
    assert found["data"]["customData"]["anchor"] == f"prod#7 {DIGEST}"
    assert found["source"] == f"/floe/{REPOSITORY}/checkout"
    assert (found["id"], found["time"]) == (str(ID), AT.isoformat().replace("+00:00", "Z"))


def test_directory_of_the_machine_is_not_sent() -> None:
    sent = json.dumps(cloudevent_of(a_promotion(repository="/var/lib/floe/registry")))

    assert "/var/lib" not in sent


def test_only_promotions_and_rollbacks_are_events() -> None:
    kinds = {record.kind for record in one_of_each() if cdevent_type(record)}

    assert kinds == {"promotion", "rollback"}


def test_webhook_gets_a_signed_cloudevent_and_another_the_payload_of_floe(
    sink: Sink, tmp_path: Path
) -> None:
    sender = webhooks(tmp_path, sink.url("/events"), format="cdevents", secret=SECRET)
    other = webhooks(tmp_path / "other", sink.url("/floe"))

    for each in (sender, other):
        each.enqueue(a_promotion(repository=REPOSITORY))
        each.deliver_due()

    [request] = sink.seen("POST", "^/events$")
    [plain] = sink.seen("POST", "^/floe$")
    body = Receiver(SECRET).verify(request.body, request.headers)
    assert request.headers["content-type"] == "application/cloudevents+json; charset=UTF-8"
    assert body == cloudevent_of(a_promotion(repository=REPOSITORY))
    assert plain.headers["content-type"] == "application/json"
    assert json.loads(plain.body)["event_type"] == "promote"


class Busy(Sink):
    """Answers the first attempt with 503."""

    def respond(self, request: Request) -> Reply:
        return Reply(503 if len(self.requests) < 2 else 204)


def test_repeated_attempt_sends_the_same_event(tmp_path: Path) -> None:
    with Busy() as sink:
        sender = webhooks(tmp_path, sink.url(), format="cdevents")
        sender.enqueue(a_rollback(repository=REPOSITORY))
        sender.deliver_due()

        first, second = sink.seen("POST", "^/hook$")
    assert first.body == second.body
    assert first.headers["content-type"] == second.headers["content-type"]
    assert sender.undelivered() == ()


def test_events_without_a_cdevent_are_not_sent(sink: Sink, tmp_path: Path) -> None:
    sender = webhooks(tmp_path, sink.url(), format="cdevents", events=("promote", "lock"))

    for record in one_of_each():
        sender.enqueue(record)
    sender.deliver_due()

    sent = [json.loads(request.body)["type"] for request in sink.seen("POST", "^/hook$")]
    assert sent == ["dev.cdevents.service.upgraded.0.3.0"]
