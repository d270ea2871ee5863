"""The webhooks of several products: one outbox and one thread, and none waits for another."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.webhooks import adopt_deliveries, outbox_database
from engine.domain.errors import DeliveryNotFoundError
from engine.ports.webhooks import redeliver_failed
from tests.domain.records import a_promotion
from tests.peers.fake_http import Reply
from tests.scenarios.changing import until
from tests.webhooks.webhook_kit import Sink, delivering, webhooks


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def ids_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def test_one_thread_delivers_for_all_products_and_names_them(sink: Sink, tmp_path: Path) -> None:
    names = ("", "checkout", "billing")
    senders = [webhooks(tmp_path, sink.url(f"/{name}"), product=name) for name in names]
    before = threading.active_count()

    with delivering(*senders):
        for sender in senders:
            sender.enqueue(a_promotion())
        assert until(lambda: len(sink.requests) == 3)
        loops = threading.active_count() - before

    named = {request.path: json.loads(request.body).get("product") for request in sink.requests}
    assert named == {"/": None, "/checkout": "checkout", "/billing": "billing"}
    assert all("product" not in json.loads(r.body) for r in sink.requests if r.path == "/")
    assert loops < 8
    assert len({request.headers["webhook-id"] for request in sink.requests}) == 3


def test_outbox_shows_the_deliveries_of_its_product_only(tmp_path: Path) -> None:
    checkout = webhooks(tmp_path, "http://127.0.0.1:1/", retry_count=0, product="checkout")
    billing = webhooks(tmp_path, "http://127.0.0.1:1/", retry_count=0, product="billing")
    unnamed = webhooks(tmp_path, "http://127.0.0.1:1/", retry_count=0)
    checkout.enqueue(a_promotion())

    counted = [each.waiting() for each in (checkout, billing, unnamed)]
    billing.deliver_due()
    unnamed.deliver_due()
    untouched = checkout.waiting()
    checkout.deliver_due()
    [failed] = checkout.undelivered()

    assert (counted, untouched) == ([1, 0, 0], 1)
    assert billing.undelivered() == unnamed.undelivered() == ()
    with pytest.raises(DeliveryNotFoundError):
        redeliver_failed(billing, failed.delivery.id)
    assert billing.outbox.take(datetime.now(UTC) + timedelta(days=1), timedelta(0)) == ()


def test_product_that_is_not_served_keeps_its_deliveries(sink: Sink, tmp_path: Path) -> None:
    broken = webhooks(tmp_path, sink.url("/broken"), product="broken")
    checkout = webhooks(tmp_path, sink.url("/checkout"), product="checkout")
    broken.enqueue(a_promotion())

    with delivering(checkout):
        checkout.enqueue(a_promotion())
        assert until(lambda: checkout.waiting() == 0)

    assert [request.path for request in sink.requests] == ["/checkout"]
    assert broken.waiting() == 1


def test_product_whose_receiver_hangs_does_not_delay_another(sink: Sink, tmp_path: Path) -> None:
    sink.always("POST", "/slow", Reply(204, delay_seconds=60))
    slow = webhooks(tmp_path, sink.url("/slow"), product="slow")
    quick = webhooks(tmp_path, sink.url("/quick"), product="quick")
    for number in range(150):
        slow.enqueue(a_promotion(promotion_id=ids_of(number)))

    with delivering(slow, quick):
        assert until(lambda: len(sink.requests) >= 5)
        quick.enqueue(a_promotion())
        assert until(lambda: quick.waiting() == 0)

    assert [len(sink.seen("POST", path)) for path in ("/slow", "/quick")] == [5, 1]


def test_deliveries_of_a_single_manifest_are_given_to_a_product(tmp_path: Path) -> None:
    before = webhooks(tmp_path, "http://127.0.0.1:1/")
    after = webhooks(tmp_path, "http://127.0.0.1:1/", product="checkout")
    other = webhooks(tmp_path, "http://127.0.0.1:1/", product="billing")
    before.enqueue(a_promotion())
    other.enqueue(a_promotion(promotion_id=ids_of(1)))

    adopt_deliveries(outbox_database(tmp_path / "state"), "checkout")

    assert [each.waiting() for each in (before, after, other)] == [0, 1, 1]
