"""The page shows failed webhook deliveries, and signed-in people can redeliver them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.fake_http import Reply
from tests.web.stage import ALICE, BOB, PROXY, Stage, signed_in, stage_in
from tests.webhooks.webhook_kit import Sink

pytestmark = pytest.mark.requirement("FR-043", "WB-001")
AUDIT = "/audit"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        running.script("POST", "/hook", Reply(404))
        yield running


@pytest.fixture
def refused(sink: Sink, tmp_path: Path) -> Iterator[Stage]:
    """A promotion whose webhook delivery was refused."""
    hook = f"{{url: '{sink.url('/hook?token=hunter2hunter2')}', events: [promote]}}"
    with stage_in(tmp_path, PROXY, webhooks=hook) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        stage.platform.engine.webhooks.deliver_due()
        yield stage


def failed(stage: Stage) -> str:
    """Return the ID of the one failed delivery."""
    [each] = stage.platform.engine.webhooks.undelivered()
    return each.delivery.id


def test_page_shows_failed_deliveries_and_reasons_without_secrets(
    refused: Stage, sink: Sink
) -> None:
    page = refused.get(AUDIT, ALICE)

    assert sink.url("") in page
    assert "answered 404" in page
    assert f"/webhooks/{failed(refused)}/redeliver" in page
    assert "hunter2" not in page


def test_signed_in_person_redelivers_under_the_same_id(refused: Stage, sink: Sink) -> None:
    delivery = failed(refused)

    answer = refused.post(f"/webhooks/{delivery}/redeliver", BOB, AUDIT)
    waiting = refused.get(AUDIT, BOB)
    refused.platform.engine.webhooks.deliver_due()

    assert (answer.status_code, answer.headers["Location"]) == (303, AUDIT)
    assert "being delivered again" in waiting
    assert "1 still to be delivered" in waiting
    assert "failed delivery" not in refused.get(AUDIT, BOB)
    ids = [request.headers["webhook-id"] for request in sink.seen("POST", "/hook")]
    assert ids == [delivery, delivery]


def test_all_failed_deliveries_are_redelivered_at_once(refused: Stage, sink: Sink) -> None:
    assert "Tell all of them again" not in refused.get(AUDIT, BOB)
    sink.script("POST", "/hook", Reply(404))
    refused.publish("v2.0.0")
    refused.ask("v2.0.0", "staging")
    refused.platform.engine.webhooks.deliver_due()
    assert "Tell all of them again" in refused.get(AUDIT, BOB)

    refused.post("/webhooks/all/redeliver", BOB, AUDIT)

    assert "All webhooks are being delivered again" in refused.get(AUDIT, BOB)
    refused.platform.engine.webhooks.deliver_due()
    ids = [request.headers["webhook-id"] for request in sink.seen("POST", "/hook")]
    assert sorted(ids) == sorted([*ids[:2], *ids[:2]])
    assert len(set(ids)) == 2


def test_delivery_that_succeeded_since_is_not_repeated(refused: Stage, sink: Sink) -> None:
    place = f"/webhooks/{failed(refused)}/redeliver"
    refused.post(place, ALICE, AUDIT)
    refused.platform.engine.webhooks.deliver_due()

    # Only pages with a form contain the token.
    refused.post(place, BOB, "/environments/prod")
    refused.platform.engine.webhooks.deliver_due()

    assert "is not in the failed list: it was delivered" in refused.get(AUDIT, BOB)
    assert len(sink.seen("POST", "/hook")) == 2


def test_visitors_and_forged_forms_cannot_redeliver(refused: Stage, sink: Sink) -> None:
    place = f"/webhooks/{failed(refused)}/redeliver"

    stranger = refused.client.post(place)
    forged = refused.client.post(place, data={"csrf": "0" * 64}, headers=signed_in(BOB))
    looked = refused.client.get(place, headers=signed_in(BOB))
    refused.platform.engine.webhooks.deliver_due()

    assert (stranger.status_code, forged.status_code, looked.status_code) == (401, 403, 405)
    assert len(sink.seen("POST", "/hook")) == 1


def test_only_operators_can_redeliver(refused: Stage, sink: Sink) -> None:
    developer = "dave@acme.com"
    place = f"/webhooks/{failed(refused)}/redeliver"

    refused.post(place, developer, "/environments/prod")
    page = refused.get(AUDIT, developer)
    refused.platform.engine.webhooks.deliver_due()

    assert "identity.operators in manifest.yaml does not list them" in page
    assert place not in page
    assert len(sink.seen("POST", "/hook")) == 1


def test_unreadable_outbox_leaves_the_rest_of_the_page(sink: Sink, tmp_path: Path) -> None:
    hook = f"{{url: '{sink.url()}', events: [promote]}}"
    (tmp_path / ".floe").mkdir()
    (tmp_path / ".floe" / "outbox.db").write_bytes(b"this is no database at all, not even nearly")

    with stage_in(tmp_path, PROXY, webhooks=hook) as stage:
        page = stage.get(AUDIT, ALICE)

    assert "outbox.db" in page
    assert "Download every record" in page
