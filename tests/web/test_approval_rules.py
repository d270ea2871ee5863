"""The page of a change shows which rules are open, and offers approval to those who fill one."""

from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from tests.scenarios.together import product
from tests.web.company import Company, company, words

RULES = ", approvals: {rules: [{groups: [managers]}, {name: second, groups: [oncall]}], %s}"
MORE = (
    "delegates: {bob: {to: carol, until: 2036-12-24T09:00:00Z}}, escalate: {after: 2h, to: [ceo]}"
)
PEOPLE = ", aliases: {bob: [], carol: []}"


@pytest.fixture
def shop(tmp_path: Path):
    one = product(tmp_path, "checkout", "prod", rules=RULES % MORE, identity=PEOPLE)
    two = product(tmp_path, "search", "prod")
    with company(one, two) as running:
        yield running


def test_page_shows_open_and_filled_rules(shop: Company) -> None:
    change = shop.ask("checkout")
    page = f"/p/checkout/changes/{change.id}"

    before = words(shop.get(page, "carol"))
    answer = shop.post(f"{page}/approve", page, "carol")
    after = words(shop.get(page, "carol"))
    shown = shop.json(f"/api/v1/products/checkout/changes/{change.id}")

    assert "open managers (bob)" in before
    assert "Escalation from" in before
    assert answer.status_code == 303
    assert "filled managers: carol for bob open second from oncall" in after
    assert "Approve v1.0.0" not in after
    assert shown["rules"][0]["filled_by"] == ["carol for bob"]
    assert shop.products["checkout"].changes.get(change.id).state is ChangeState.AWAITING_APPROVAL
