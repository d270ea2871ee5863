"""Webhooks: their payload, their signature, and independent deliveries."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from engine.adapters.webhooks import Hook
from engine.adapters.webhooks.payload import event_of, payload_of
from engine.domain.errors import ConfigError
from engine.domain.record import AnyRecord
from tests.domain.records import AT, DIGEST, ID, a_promotion, a_rollback, one_of_each
from tests.peers.fake_http import Reply
from tests.webhooks.webhook_kit import Sink, webhooks

BASE64_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.mark.requirement("FR-040", "FR-042")
def test_a_promotion_is_posted_as_json(sink: Sink, tmp_path: Path) -> None:
    sender = webhooks(tmp_path, sink.url(), headers={"Authorization": "Bearer hunter2"})

    sender.enqueue(a_promotion(), f"prod#7 {DIGEST}")
    sender.deliver_due()

    [request] = sink.seen("POST", "^/hook$")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer hunter2"
    assert json.loads(request.body) == {
        "event_type": "promote",
        "promotion_id": str(ID),
        "anchor": f"prod#7 {DIGEST}",
        "artifact_tag": "v1.2.3-prod",
        "artifact_digest": DIGEST,
        "version": "v1.2.3",
        "environment": "prod",
        "source_env": "staging",
        "target_env": "prod",
        "operator": "alice@acme.com",
        "timestamp": AT.isoformat().replace("+00:00", "Z"),
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "reason": None,
        "impact_analysis": None,
    }


@pytest.mark.requirement("FR-041", "FR-042")
def test_a_rollback_says_why_and_what_it_breaks() -> None:
    payload = payload_of(a_rollback())

    assert payload["event_type"] == "rollback"
    assert payload["rollback_id"] == str(ID)
    assert payload["environment"] == "prod"
    assert payload["reason"] == "INC-42: 5xx after release"
    assert payload["impact_analysis"]["breaking_changes"] == ["Removed field: config.x"]


def test_refusals_and_rejections_send_no_event() -> None:
    events = {record.kind: event_of(record) for record in one_of_each()}

    assert events == {
        "promotion": "promote",
        "rollback": "rollback",
        "lock": "lock",
        "unlock": "unlock",
        "restore": "restore",
        "acknowledge": "acknowledge",
        "rotate": "rotate",
        "release": "release",
        "repair": None,
        "waive": None,
        "unwaive": None,
        "review": None,
        "refusal": None,
        "rejection": None,
    }


@pytest.mark.parametrize("record", one_of_each()[:4], ids=lambda record: record.kind)
def test_webhook_receives_the_events_it_subscribes_to(
    sink: Sink, tmp_path: Path, record: AnyRecord
) -> None:
    event = event_of(record) or ""
    others = tuple({"promote", "rollback", "lock", "unlock"} - {event})
    sender = webhooks(tmp_path, sink.url("/asked"), events=(event,))
    deaf = webhooks(tmp_path / "deaf", sink.url("/deaf"), events=others)

    for each in (sender, deaf):
        each.enqueue(record)
        each.deliver_due()

    assert [request.path for request in sink.requests] == ["/asked"]


@pytest.mark.parametrize(
    ("secret", "receiver"),
    [
        (BASE64_SECRET, Receiver(BASE64_SECRET)),
        ("a plain secret", Receiver(b"a plain secret")),
        ("whsec_YQ", Receiver("whsec_YQ==")),
    ],
)
def test_messages_are_signed_as_standard_webhooks_says(
    sink: Sink, tmp_path: Path, secret: str, receiver: Receiver
) -> None:
    sender = webhooks(tmp_path, sink.url(), secret=secret)

    sender.enqueue(a_promotion())
    sender.deliver_due()

    [request] = sink.requests
    assert receiver.verify(request.body, dict(request.headers))["promotion_id"] == str(ID)
    with pytest.raises(WebhookVerificationError):
        receiver.verify(request.body + b" ", dict(request.headers))


def test_without_a_secret_nothing_pretends_to_be_signed(sink: Sink, tmp_path: Path) -> None:
    sender = webhooks(tmp_path, sink.url())

    sender.enqueue(a_promotion())
    sender.deliver_due()

    [request] = sink.requests
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"]


@pytest.mark.parametrize(
    "fields",
    [
        {"secret": "whsec_not base64!"},
        {"secret": "whsec_hunter2 ü"},
        {"secret": "whsec_"},
        {"headers": {"X-Team": "hunter2-ü"}},
    ],
)
def test_what_cannot_be_sent_is_refused_without_showing_it(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"the webhook https://hooks\.acme\.com has") as caught:
        Hook("https://hooks.acme.com/T1/hunter2", **fields)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_hook_shows_no_secret() -> None:
    hook = Hook("https://hooks.acme.com/hunter2", headers={"X": "hunter2"}, secret="hunter2")

    assert "hunter2" not in repr(hook) + hook.name + hook.address


@pytest.mark.requirement("FR-044")
def test_slow_webhooks_are_waited_for_together(tmp_path: Path) -> None:
    with ExitStack() as stack:
        sinks = [stack.enter_context(Sink()) for _ in range(3)]
        for sink in sinks:
            sink.always("POST", "/hook", Reply(204, delay_seconds=3))
        sender = webhooks(tmp_path, *(sink.url() for sink in sinks))
        sender.enqueue(a_promotion())
        started = time.monotonic()

        sender.deliver_due(20)

        # One after the other would take nine.
        assert time.monotonic() - started < 8
        assert [len(sink.requests) for sink in sinks] == [1, 1, 1]
        assert sender.outbox.waiting() == 0
