"""The API of a server with several products, its health, and products that only members see."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from engine.bootstrap.observability import new_metrics
from engine.config.roles import RoleEntry
from engine.domain.deployments import Deployment, Health
from engine.domain.roles import RoleKind
from tests.builders import image
from tests.scenarios.together import product
from tests.store.stores import change
from tests.web.company import APPROVED, BOB, MEMBERS, Company, company, rows, three_products
from tests.web.serving import serving
from tests.web.stage import signed_in

_TRACE_ID = re.compile("[0-9a-f]{32}")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Company]:
    with three_products(tmp_path) as running:
        yield running


@pytest.fixture
def divided(tmp_path: Path) -> Iterator[Company]:
    """Two products that only their members see: of checkout these are the managers."""
    configs = [
        replace(product(tmp_path, "checkout", "prod", rules=APPROVED), web=MEMBERS),
        replace(product(tmp_path, "search", "prod"), web=MEMBERS),
    ]
    broken = {"basket": "basket.yaml:3: artifacts: is missing"}
    with company(*configs, web=MEMBERS, broken=broken) as running:
        yield running


def test_members_see_their_products_only(divided: Company) -> None:
    mine, other = divided.ask("checkout"), divided.ask("search")
    divided.read()

    assert list(rows(divided.get("/"))) == ["checkout"]
    assert [each["product"] for each in divided.json("/api/v1/products")] == ["checkout"]
    divided.get(f"/p/checkout/changes/{mine.id}")
    divided.json("/api/v1/products/checkout/status")
    hidden = ("/p/search/", f"/p/search/changes/{other.id}", f"/changes/{other.id}", "/p/basket/")
    for path in (*hidden, "/api/v1/products/search/status", f"/api/v1/changes/{other.id}"):
        answer = divided.client.get(path, headers=signed_in(BOB))
        assert answer.status_code == 404
        assert "search" not in answer.text.replace("&#39;search&#39;", "").replace("'search'", "")
    place = f"/p/search/changes/{other.id}/cancel"
    assert divided.post(place, "/").status_code == 404


def test_output_of_a_hidden_product_cannot_be_read_through_another(divided: Company) -> None:
    mine, other = divided.ask("checkout"), divided.ask("search")
    at = "/api/v1/products/checkout/changes"

    divided.get(f"{at}/{mine.id}/output/tests")
    divided.json(f"{at}/{other.id}/output/tests", status=404)


def test_hidden_change_is_answered_like_an_unknown_one(divided: Company) -> None:
    of_broken = divided.products.store.add(change(product="basket"), None)
    hidden = (divided.ask("search").id, of_broken.id)

    for path in ("/changes/{}", "/api/v1/changes/{}", "/api/v1/changes/{}/output/tests"):
        answers = {
            _TRACE_ID.sub("", divided.get(path.format(each), status=404).replace(each, ""))
            for each in (*hidden, "c-00000000")
        }
        assert len(answers) == 1


def test_events_of_hidden_products_are_not_sent(divided: Company) -> None:
    with serving(divided.app) as url:
        headers = signed_in(BOB)
        with httpx.stream("GET", f"{url}/events", timeout=60, headers=headers) as answer:
            lines = answer.iter_lines()
            next(lines)

            divided.ask("search")
            mine = divided.ask("checkout")

            first = next(line for line in lines if line.startswith("data:"))
    assert json.loads(first.removeprefix("data:"))["change"] == mine.id


def test_broken_product_is_shown_to_its_admins_only(tmp_path: Path) -> None:
    config = replace(product(tmp_path, "checkout", "prod"), web=MEMBERS)
    admins = [("bob", "check*"), ("carol", "*")]
    roles = tuple(
        RoleEntry(role=RoleKind.ADMIN, products=(names,), operators=(who,)) for who, names in admins
    )
    config = replace(config, identity=config.identity.model_copy(update={"roles": roles}))
    broken = {"basket": "basket.yaml:3: artifacts: is missing"}

    with company(config, web=MEMBERS, broken=broken) as shop:
        seen = {who: set(rows(shop.get("/", who))) for who, _ in admins}

    assert seen == {"bob": {"checkout"}, "carol": {"basket", "checkout"}}


def test_stranger_sees_no_product_of_members(divided: Company) -> None:
    assert "There are no products" in divided.get("/", "mallory")
    assert divided.json("/api/v1/products", "mallory") == []


def test_api_of_each_product_is_below_its_name(shop: Company) -> None:
    change = shop.ask("search")
    shop.read()

    by_name = {each["product"]: each for each in shop.json("/api/v1/products")}
    assert by_name["basket"]["state"] == "broken"
    assert by_name["checkout"]["owner"] == "Payments"
    assert by_name["search"]["environments"][1]["version"] == "v1.0.0"
    [dev, prod] = shop.json("/api/v1/products/search/status")
    assert (dev["environment"], prod["version"]) == ("dev", "v1.0.0")
    assert shop.json(f"/api/v1/products/search/changes/{change.id}")["product"] == "search"
    assert shop.json(f"/api/v1/changes/{change.id}")["product"] == "search"
    refused = shop.json("/api/v1/status", status=400)
    assert "/api/v1/products/PRODUCT/status" in refused["error"]["message"]
    assert shop.json("/api/v1/products/nothing/status", status=404)
    assert shop.json("/api/v1/products/basket/status", status=503)


def test_reported_health_is_in_the_list_of_products(shop: Company) -> None:
    shop.ask("search")
    shop.read()
    digest, at = str(image(b"search").manifest.digest), datetime.now(UTC)
    failed = Deployment("eu-1", digest, Health.FAILED, at)
    shop.products["search"].deployments.add("prod", failed, at)

    by_name = {each["product"]: each["environments"] for each in shop.json("/api/v1/products")}

    dev, prod = by_name["search"]
    assert prod["health"]["summary"] == "0 of 1 cluster healthy, 1 failed: eu-1"
    assert not [each for each in (dev, *by_name["ledger"]) if "health" in each]


def test_old_addresses_answer_for_the_only_product(tmp_path: Path) -> None:
    with company(product(tmp_path, "search", "prod")) as shop:
        assert shop.json("/api/v1/status") == shop.json("/api/v1/products/search/status")


def test_description_has_the_product_in_its_addresses(shop: Company) -> None:
    paths = shop.json("/openapi.json")["paths"]

    found = paths["/api/v1/products/{product}/status"]["get"]["parameters"]
    assert [each["name"] for each in found] == ["product"]
    assert "/api/v1/status" not in paths


def test_server_is_ready_while_one_product_works(shop: Company) -> None:
    shop.read()

    answer = shop.json("/readyz")

    assert answer["ready"] is True
    assert answer["products"] == {"basket": "its file is wrong"}


def test_server_without_a_working_product_is_not_ready(tmp_path: Path) -> None:
    dead = "uri: 'oci://127.0.0.1:9/acme/dead', auth: {type: anonymous}"
    with company(product(tmp_path, "dead", "prod", registry=dead), working=False) as shop:
        unread = shop.json("/readyz", status=503)
        shop.site("dead").board.refresh()
        answer = shop.json("/readyz", status=503)

    assert unread["products"] == {"dead": "dead has not been read yet"}
    assert "127.0.0.1:9 cannot be reached" in answer["parts"]["registry"]["why"]


def test_metrics_name_products(shop: Company) -> None:
    shop.lock("ledger")
    shop.ask("checkout")
    shop.read()

    numbers = shop.get("/metrics")

    assert 'floe_environment_locked{product="ledger",environment="prod"} 1' in numbers
    open_changes = 'floe_changes_open{product="checkout",environment="prod",'
    assert f'{open_changes}state="awaiting_approval"}} 1' in numbers


def test_counters_name_products(tmp_path: Path) -> None:
    numbers = new_metrics(several=True)
    configs = [product(tmp_path, name, "prod") for name in ("ledger", "search")]
    with company(*configs, metrics=numbers) as shop:
        shop.ask("search")

    counted = 'floe_promotions_total{environment="prod",outcome="promoted",product="search"} 1.0'
    assert counted in numbers.render()
    assert 'floe_gate_duration_seconds_count{gate="tests",product="search"' in numbers.render()
    assert 'product="ledger"' not in numbers.render()
