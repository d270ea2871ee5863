"""The page of a server with several products: the table of all, and the pages of each."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from engine.bootstrap.server import CachedStatus
from engine.config import load_config
from engine.config.people import Web
from engine.domain.artifact import Digest
from engine.domain.state import EnvironmentState, LockState
from engine.domain.status import EnvironmentStatus
from engine.ports import NO_PROGRESS
from tests.scenarios.together import product, submit
from tests.web.company import APPROVED, BOB, Company, company, rows, three_products, words
from tests.web.stage import signed_in


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Company]:
    with three_products(tmp_path) as running:
        yield running


def test_table_shows_versions_and_problems(shop: Company) -> None:
    shop.ask("search")
    waiting = shop.ask("checkout")
    shop.lock("ledger")
    shop.read()

    page = shop.get("/")

    found = rows(page)
    assert list(found) == ["ledger", "checkout", "basket", "search"]
    assert re.fullmatch(r"search v1.0.0 v1.0.0 (now|\d+ s) .*", found["search"])
    assert "→ v1.0.0" in found["checkout"]
    assert f"/p/checkout/changes/{waiting.id}" in page
    assert "locked" in found["ledger"]
    assert "broken file" in found["basket"]
    assert "basket.yaml:3: artifacts: is missing" in page


def test_waiting_changes_are_on_top_for_those_who_may_approve(shop: Company) -> None:
    change = shop.ask("checkout")

    assert f'id="waiting-{change.id}"' in shop.get("/", BOB)
    assert f'id="waiting-{change.id}"' not in shop.get("/", "alice")


def test_search_and_attention_narrow_the_table(shop: Company) -> None:
    shop.lock("ledger")
    shop.read()

    assert list(rows(shop.get("/?q=FINANCE"))) == ["ledger"]
    assert list(rows(shop.get("/?q=finance+locked"))) == ["ledger"]
    assert list(rows(shop.get("/?only=attention&group=none"))) == ["basket", "ledger"]
    assert list(rows(shop.get("/?q=broken+file"))) == ["basket"]
    assert "No matching products" in shop.get("/?q=nothing-is-called-so")


def test_favourites_come_first_for_one_person(shop: Company) -> None:
    answer = shop.post("/favourites?group=none", "/", favourite="search")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/?group=none")
    assert next(iter(rows(shop.get("/")))) == "search"
    assert next(iter(rows(shop.get("/", "alice")))) == "ledger"

    shop.post("/favourites", "/", favourite="search")
    assert next(iter(rows(shop.get("/")))) == "ledger"


def test_favourite_needs_a_person_and_a_product(shop: Company) -> None:
    assert shop.client.post("/favourites", data={"favourite": "search"}).status_code == 303
    assert shop.post("/favourites", "/", favourite="nothing").status_code == 404


def test_form_of_another_page_changes_no_favourites(shop: Company) -> None:
    data = {"favourite": "search", "csrf": "0" * 64}

    assert shop.client.post("/favourites", data=data, headers=signed_in(BOB)).status_code == 403


def test_pages_of_a_product_are_below_its_name(shop: Company) -> None:
    change = shop.ask("search")

    shown = shop.get(f"/p/search/changes/{change.id}")
    assert 'href="/p/search/history"' in shown
    assert "v1.0.0" in shop.get("/p/search/")
    shop.get("/p/search/environments/prod")
    shop.get(f"/p/ledger/changes/{change.id}", status=404)
    assert "Product &#39;nothing&#39; does not exist" in shop.get("/p/nothing/", status=404)
    shop.get("/history", status=404)


def test_broken_product_shows_its_mistake_and_a_next_step(shop: Company) -> None:
    page = words(shop.get("/p/basket/", status=503))

    assert "basket cannot be used basket.yaml:3: artifacts: is missing" in page
    assert "An operator of this server must correct its file" in page
    assert "Temporarily unavailable" not in page


def test_address_of_a_change_leads_to_its_product(shop: Company) -> None:
    change = shop.ask("search")

    answer = shop.client.get(f"/changes/{change.id}", headers=signed_in(BOB))

    assert answer.headers["Location"] == f"/p/search/changes/{change.id}"
    shop.get("/changes/c-00000000", status=404)


def test_visitor_without_a_name_must_sign_in(shop: Company) -> None:
    for path in ("/", "/p/search/", "/p/nothing/", "/changes/c-00000000"):
        assert shop.client.get(path).status_code == 303


def test_decision_in_one_product_promotes_there(shop: Company) -> None:
    change = shop.ask("checkout")
    other = shop.ask("search")

    place = f"/p/checkout/changes/{change.id}"
    answer = shop.post(f"{place}/approve", place)

    assert answer.headers["Location"] == place
    settled = shop.products["checkout"].progression.settle(
        shop.products["checkout"].changes.get(change.id), NO_PROGRESS
    )
    assert settled.state.value == "promoted"
    wrong = shop.post(f"/p/checkout/changes/{other.id}/cancel", "/")
    assert wrong.status_code == 404


def test_change_to_a_removed_environment_can_be_cancelled(tmp_path: Path) -> None:
    before = product(tmp_path, "checkout", "staging", "prod", rules=APPROVED)
    with company(before) as shop:
        change = shop.ask("checkout", "staging")
    manifest = tmp_path / "checkout" / "manifest.yaml"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if "{name: staging," not in line))
    after = replace(before, path=load_config(manifest, {}).path)

    with company(after) as shop:
        place = f"/p/checkout/changes/{change.id}"
        shop.get("/")
        shop.get("/p/checkout/")
        shop.get("/p/checkout/changes")
        assert f"{place}/approve" not in shop.get(place)
        shop.post(f"{place}/cancel", place, who="alice")
        ended = shop.products["checkout"].changes.get(change.id)

    assert ended.state.value == "cancelled"


def test_event_refreshes_its_product_only(shop: Company) -> None:
    woken: list[str] = []
    for name in shop.products:
        shop.site(name).records.refresh_soon = partial(woken.append, name)
    change = submit(shop.products["search"], "prod")
    [listen] = shop.app.extensions["floe"].feed.listeners
    [submitted] = [e for e in shop.products.store.events_of(change.id) if e.kind == "submitted"]

    listen([submitted])
    assert woken == []
    listen([submitted, replace(submitted, kind="promoted")])
    assert woken == ["search"]


def test_table_makes_no_request_to_a_registry(shop: Company) -> None:
    shop.read()

    with all_threads_busy(shop):
        assert len(rows(shop.get("/"))) == 4
        assert {each["state"] for each in shop.json("/api/v1/products")} == {"ready", "broken"}


@contextmanager
def all_threads_busy(shop: Company) -> Iterator[None]:
    """Occupy the threads in which the products make requests."""
    free = threading.Event()
    try:
        for name in shop.products:
            for _ in range(64):
                shop.products[name].engine.submit(free.wait)
        yield
    finally:
        free.set()


@pytest.mark.timeout(400)
def test_table_of_200_products_is_small(tmp_path: Path) -> None:
    names = ("staging", "canary", "prod", "disaster-recovery")
    registry = "uri: 'oci://127.0.0.1:9/acme/%s', auth: {type: anonymous}"
    configs = [
        replace(
            product(tmp_path, f"service-{n:03}", *names, registry=registry % n),
            owner=f"Team {n % 17}",
        )
        for n in range(200)
    ]
    with company(*configs, working=False) as shop:
        for name in shop.products:
            shop.site(name).records.store.store_statuses(statuses("dev", *names))

        page = shop.get("/")

    assert len(rows(page)) == 200
    assert page.count("v12.345.67") == 1000
    assert page.count(">locked<") > 10
    assert len(page.encode()) <= 150 * 1024


def statuses(*names: str) -> list[CachedStatus]:
    """Rows with a long version; every twentieth environment is locked."""
    digest, now = Digest(f"sha256:{'a' * 64}"), datetime.now(UTC)
    state = EnvironmentState(
        version="v12.345.67", digest=str(digest), operator="alice", since=now - timedelta(days=12)
    )
    lock = LockState(
        operator="alice",
        operator_id="oidc:x#alice",
        reason="INC-7: orders are written twice",
        at=now,
    )
    return [
        CachedStatus(
            EnvironmentStatus(name, state, digest, lock if next(_COUNTER) % 20 == 0 else None), now
        )
        for name in names
    ]


_COUNTER = count()


def test_commands_on_the_pages_of_a_product_name_it(tmp_path: Path) -> None:
    checkout = product(tmp_path, "checkout", "prod", rules=APPROVED)
    with company(checkout, web=Web()) as shop:
        change = shop.ask("checkout")

        page = shop.get(f"/p/checkout/changes/{change.id}")

    assert f"floe platform approve --product checkout {change.id}" in page
