"""Webhooks from the command line: delivered once, signed, and without delay (FR-040 … FR-044)."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from demo.seed import Layout
from tests.peers.fake_http import Reply
from tests.scenarios.commands import Floe
from tests.webhooks.webhook_kit import Sink

SECRET = f"whsec_{base64.b64encode(b'0123456789abcdef0123456789abcdef').decode()}"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def platform(folder: Path, *urls: str) -> Floe:
    layout = Layout(folder / "registry")
    for number in range(2):
        layout.publish(f"v1.0.{number}", {"release": number})
    hooks = ", ".join(
        f"{{url: '{url}', secret: '{SECRET}', events: [promote, rollback, lock]}}" for url in urls
    )
    promotion = f"{{environments: [{{name: dev}}, {{name: staging}}], webhooks: [{hooks}]}}"
    return Floe.on("oci-layout:./registry", folder, promotion)


@pytest.mark.requirement("FR-040")
@pytest.mark.requirement("FR-042")
def test_promotion_is_delivered_once_with_a_valid_signature(sink, tmp_path):
    floe = platform(tmp_path, sink.url())

    done = floe.promote("v1.0.0", "staging").document
    floe.promote("v1.0.0", "staging")

    [received] = sink.seen("POST", "/hook")
    payload = json.loads(received.body)
    Webhook(SECRET).verify(received.body, dict(received.headers))
    assert payload["event_type"] == "promote"
    assert payload["promotion_id"] == done["promotion_id"]
    assert payload["artifact_tag"] == "v1.0.0-staging"
    assert (payload["source_env"], payload["target_env"]) == ("dev", "staging")
    assert payload["trace_id"] == done["trace_id"]


@pytest.mark.requirement("FR-041")
def test_rollback_is_delivered_with_its_reason(sink, tmp_path):
    floe = platform(tmp_path, sink.url())
    floe.promote("v1.0.0", "staging")
    floe.promote("v1.0.1", "staging")

    floe.run("platform", "rollback", "v1.0.0", "--env", "staging", "--reason", "INC-1")

    received = [json.loads(request.body) for request in sink.seen("POST", "/hook")]
    assert [payload["event_type"] for payload in received] == ["promote", "promote", "rollback"]
    assert received[-1]["reason"] == "INC-1"


@pytest.mark.requirement("FR-043")
def test_unreachable_receiver_changes_nothing_and_is_retried_later(sink, tmp_path):
    floe = platform(tmp_path, sink.url())
    sink.always("POST", "/hook", Reply(500))

    promoted = floe.promote("v1.0.0", "staging")

    assert (promoted.code, promoted.document["outcome"]) == (0, "promoted")
    assert len(sink.seen("POST", "/hook")) >= 1


@pytest.mark.requirement("FR-043")
def test_silent_receiver_delays_a_command_only_briefly(tmp_path):
    floe = platform(tmp_path, "http://127.0.0.1:9/hook")
    started = time.monotonic()

    promoted = floe.promote("v1.0.0", "staging")

    assert promoted.code == 0
    # Five seconds of waiting at most; the rest is the command on a busy machine.
    assert time.monotonic() - started < 30


@pytest.mark.requirement("FR-044")
def test_several_webhooks_are_delivered_concurrently(sink, tmp_path):
    floe = platform(tmp_path, sink.url("/one"), sink.url("/two"), sink.url("/three"))

    floe.promote("v1.0.0", "staging")

    assert [len(sink.seen("POST", path)) for path in ("/one", "/two", "/three")] == [1, 1, 1]


def test_secret_url_is_never_printed(tmp_path):
    floe = platform(tmp_path, "http://127.0.0.1:9/hook?token=hunter2hunter2")

    ended = floe.promote("v1.0.0", "staging")

    assert "hunter2" not in ended.out + ended.err


@pytest.mark.requirement("FR-043")
def test_failed_delivery_is_listed_and_redelivered_on_request(sink, tmp_path):
    floe = platform(tmp_path, sink.url("/hook?token=hunter2hunter2"))
    # Refused on delivery, and on redelivery.
    sink.script("POST", "/hook", Reply(404), Reply(404))
    promoted = floe.promote("v1.0.0", "staging").document
    redeliver = ("platform", "webhooks", "--redeliver")

    listed = floe.run("platform", "webhooks", "--output", "json")
    shown = floe.run("platform", "webhooks")
    [failed] = listed.document["failed"]
    refused = floe.run(*redeliver, failed["id"])
    unknown = floe.run(*redeliver, "nonsense")
    delivered = floe.run(*redeliver, "all", "--output", "json")

    assert failed["record_id"] == promoted["promotion_id"]
    assert (failed["event"], failed["to"], failed["attempts"]) == ("promote", sink.url(""), 1)
    assert "answered 404" in failed["problem"]
    assert "answered 404" in shown.out
    assert "--redeliver ID" in shown.out
    assert "hunter2" not in listed.out + shown.out
    assert (refused.code, unknown.code, delivered.code) == (1, 3, 0)
    assert "Repeated: 1, failed again: 1" in refused.out
    assert delivered.document["redelivered"] == [failed["id"]]
    assert delivered.document["failed"] == []
    ids = {request.headers["webhook-id"] for request in sink.seen("POST", "/hook")}
    assert ids == {failed["id"]}


def test_unreadable_outbox_is_reported(sink, tmp_path):
    floe = platform(tmp_path, sink.url())
    (tmp_path / ".floe").mkdir()
    (tmp_path / ".floe" / "outbox.db").write_bytes(b"this is no database at all, not even nearly")

    ended = floe.run("platform", "webhooks")

    assert ended.code == 5
    assert "the outbox" in ended.err
    assert "Traceback" not in ended.err
