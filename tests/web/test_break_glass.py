"""Break-glass through the API, its banner on the page, and its review there."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import load_config
from engine.domain.change import ChangeState
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_promotion_request
from engine.ports import NO_PROGRESS
from tests.scenarios.together import product, someone
from tests.web.company import Company, company, words
from tests.web.stage import TRACE

PAGE = "/p/checkout/environments/prod"
RULES = ", approvals: {required: 1, groups: [managers]}"
GLASS = "break_glass: {groups: [managers], review: {groups: [managers]}}"


@pytest.fixture
def shop(tmp_path: Path):
    one = product(tmp_path, "checkout", "prod", rules=RULES, promotion=GLASS)
    with company(one, product(tmp_path, "search", "prod")) as running:
        yield running


@pytest.fixture
def managed(tmp_path: Path):
    """A product with two managers."""
    config = product(tmp_path, "checkout", "prod", rules=RULES, promotion=GLASS)
    file = tmp_path / "checkout/manifest.yaml"
    file.write_text(file.read_text().replace("[bob]", "[bob, carol]"))
    config = replace(load_config(file, {}), product="checkout", state_dir=config.state_dir)
    with company(config, product(tmp_path, "search", "prod")) as running:
        yield running


def promote(shop: Company, who: str):
    """Promote by break-glass."""
    platform = shop.products["checkout"]
    overrides = Overrides(reason="it is down", incident="INC-42")
    request = parse_promotion_request(
        platform.engine.path, "v1.0.0", None, "prod", someone(platform, who), TRACE, overrides
    )
    return platform.progression.settle(platform.changes.submit(request, "cli"), NO_PROGRESS)


def test_page_shows_a_banner_until_another_person_reviews(shop: Company) -> None:
    change = promote(shop, "bob")
    shop.read()
    page = "/p/checkout/environments/prod"

    assert change.state is ChangeState.PROMOTED
    assert "Break-glass for INC-42" in words(shop.get("/p/checkout/"))
    assert "review open" in words(shop.get("/p/checkout/"))
    assert "Another person must review it until" in words(shop.get(page))

    place = f"{page}/review/{change.record_id}"
    answer = shop.post(place, page, "bob", reason="fine", verdict="accept")
    assert answer.status_code == 303
    assert "used this break-glass" in words(shop.get(page))
    [entry] = shop.products["checkout"].engine.history("prod", 1)
    assert [review.incident for review in entry.state.reviews] == ["INC-42"]


def test_another_manager_reviews_on_the_page(managed: Company) -> None:
    change = promote(managed, "bob")
    managed.read()
    place = f"{PAGE}/review/{change.record_id}"

    managed.post(place, PAGE, "carol", reason="ask first", verdict="object")

    [entry] = managed.products["checkout"].engine.history("prod", 1)
    assert entry.record.kind == "review"
    assert (entry.record.accepted, entry.record.operator) == (False, "carol")
    assert entry.state.reviews == ()
    managed.read()
    assert "INC-42 objected: ask first" in words(managed.get("/p/checkout/history"))


def test_only_those_who_may_review_get_the_form(managed: Company) -> None:
    change = promote(managed, "bob")
    managed.read()

    shown = {who: managed.get(PAGE, who) for who in ("bob", "carol", "dora")}

    forms = [who for who, page in shown.items() if f"/review/{change.record_id}" in page]
    assert forms == ["carol"]
    assert "You used it, so another person must review it" in words(shown["bob"])
    said = "Only managers can review it, and not the person who used it"
    assert said in words(shown["dora"])
