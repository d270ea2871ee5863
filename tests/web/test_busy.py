"""Slow readers and slow registries must not stop locks and other requests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.adapters.registry.layout.files import locked
from tests.scenarios.changing import until
from tests.web.company import BOB, Company, three_products
from tests.web.stage import ALICE, Stage, person, signed_in
from tests.web.test_incident import REASON, held, lock
from tests.web.test_pages import promoted_to_prod
from web.concurrency_limit import BusyError, Kind, limit_concurrency
from web.lock_many import lock_many
from web.recent_changes import recent_changes

pytestmark = pytest.mark.requirement("WB-001")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Company]:
    with three_products(tmp_path) as running:
        running.read()
        yield running


def occupy(kind: Kind, places: ExitStack) -> int:
    """Take all free places for requests of that kind, and return their number."""
    taken = 0
    with pytest.raises(BusyError):
        while True:
            places.enter_context(limit_concurrency(kind))
            taken += 1
    return taken


def free(kind: Kind) -> int:
    """Count the free places for requests of that kind."""
    with ExitStack() as places:
        return occupy(kind, places)


def test_slow_readers_delay_no_lock(shop: Company) -> None:
    with ExitStack() as places:
        for kind in ("reading", "export", "operation", "preview"):
            occupy(kind, places)
        lock(shop, product="", environment="prod")

    assert sorted(held(shop)) == ["checkout/prod", "ledger/prod", "search/prod"]


def test_lock_of_a_slow_registry_is_not_called_refused(shop: Company) -> None:
    someone = person(shop.products["search"], BOB)
    folder = shop.products["search"].engine.reference
    with shop.app.test_request_context(headers=signed_in(BOB)):
        with locked(Path(folder)):
            done = lock_many(someone, "", "prod", REASON, None, patience_seconds=3)
        assert until(lambda: len(held(shop)) == 3)

    assert sorted(done.locked) == ["checkout/prod", "ledger/prod"]
    assert (done.failed, done.unknown) == ((), ("search/prod",))


def test_lock_of_a_slow_registry_keeps_its_place(shop: Company) -> None:
    someone = person(shop.products["search"], BOB)
    folder = shop.products["search"].engine.reference
    with shop.app.test_request_context(headers=signed_in(BOB)):
        with locked(Path(folder)):
            lock_many(someone, "search", "prod", REASON, None, patience_seconds=0)
            meanwhile = free("lock")

        assert until(lambda: free("lock") == meanwhile + 1)


def test_refused_lock_takes_no_place_of_a_lock(behind_proxy: Stage) -> None:
    stranger = person(behind_proxy.platform, "mallory@acme.com")
    headers = signed_in(stranger.name)
    with behind_proxy.app.test_request_context(headers=headers), ExitStack() as places:
        before = occupy("lock", places)

        done = lock_many(stranger, "", "prod", REASON, None)

    assert before > 0
    assert (done.locked, done.unknown, len(done.failed)) == ((), (), 1)


def test_product_that_opened_meanwhile_is_left_out(shop: Company) -> None:
    shop.ask("search")
    shop.read()
    now = shop.products["search"].engine.now()

    with shop.app.test_request_context(headers=signed_in(BOB)):
        assert recent_changes({}, now.replace(year=now.year - 1), None) == ()


def test_downloads_are_limited_and_release_their_places(stage: Stage) -> None:
    promoted_to_prod(stage)
    addresses = ("/history/records.csv", "/history/records.jsonl", "/audit/records.jsonl")

    with ExitStack() as places:
        occupy("export", places)
        busy = [stage.client.get(each).status_code for each in addresses]
    for _ in range(4):
        for address in addresses:
            stage.client.head(address).close()
            assert stage.client.get(address).text.count(ALICE) >= 2

    assert busy == [503] * 3


@pytest.mark.parametrize(
    "address",
    [
        "/environments/prod/records/1",
        "/history?search=v1",
        "/api/v1/history?search=v1",
        "/api/v1/dora",
    ],
)
def test_long_readings_are_limited(stage: Stage, address: str) -> None:
    promoted_to_prod(stage)

    with ExitStack() as places:
        occupy("reading", places)
        busy = stage.client.get(address)
        assert stage.get("/history")

    assert busy.status_code == 503
    assert stage.get(address)


def test_previews_and_requests_are_limited_by_themselves(behind_proxy: Stage) -> None:
    behind_proxy.publish("v1.0.0")
    form = "/environments/staging/promote"
    preview = f"{form}?version=v1.0.0"

    with ExitStack() as places:
        occupy("request", places)
        refused = behind_proxy.post(form, ALICE, "/incident", version="v1.0.0")
        before = behind_proxy.platform.store.recent(1)
    said = behind_proxy.get(preview, ALICE)
    with ExitStack() as places:
        occupy("preview", places)
        busy = behind_proxy.client.get(preview, headers=signed_in(ALICE))
        behind_proxy.post(form, ALICE, "/incident", version="v1.0.0")
    judged = behind_proxy.get(preview, ALICE)

    assert refused.headers["Location"] == preview
    assert "The server is busy" in said
    assert before == ()
    assert busy.status_code == 503
    # A rollback of an incident waits for no preview.
    assert "The server is busy" not in judged
