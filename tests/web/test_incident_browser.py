"""The incident page in a real browser: keyboard, phone, live changes, accessibility."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import page_of, violations
from tests.web.company import BOB, Company, three_products
from tests.web.serving import serving

_BOB = {"X-Forwarded-Email": BOB}
_PHONE = {"width": 390, "height": 844}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Company]:
    """Products with a promotion, a waiting change, and a lock."""
    with three_products(tmp_path) as running:
        running.ask("search")
        running.ask("checkout")
        running.lock("ledger")
        running.read()
        yield running


@pytest.fixture
def url(shop: Company) -> Iterator[str]:
    with serving(shop.app) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_incident_page_is_accessible(browser: Browser, url: str, axe: str, scheme: Any) -> None:
    options: Any = {"color_scheme": scheme, "extra_http_headers": _BOB}
    found = {}
    with page_of(browser, url, **options) as page:
        for place in ("/incident", "/incident?environment=dev&hours=1"):
            found[place] = violations(page, place, axe)

    assert found == {place: [] for place in found}


def test_keyboard_locks_every_product_on_a_phone(browser: Browser, shop: Company, url: str) -> None:
    options: Any = {"viewport": _PHONE, "extra_http_headers": _BOB}
    with page_of(browser, url, **options) as page:
        page.goto("/incident?environment=prod")
        assert page.evaluate("document.documentElement.scrollWidth") == _PHONE["width"]
        page.get_by_label("Reason").focus()
        page.keyboard.type("INC-42: checkout is down")
        page.keyboard.press("Enter")

        expect(page.get_by_role("status")).to_have_text("Locked: checkout/prod, search/prod")
        expect(page.get_by_role("alert")).to_contain_text("Not locked: ledger/prod: ")
        expect(page.get_by_text("INC-42: checkout is down")).to_have_count(4)
        assert page.evaluate("document.documentElement.scrollWidth") == _PHONE["width"]

    locked = [shop.products[name].engine.status("prod")[0].lock for name in ("checkout", "search")]
    assert [lock.reason if lock else None for lock in locked] == ["INC-42: checkout is down"] * 2


def test_change_appears_while_a_reason_is_typed(browser: Browser, shop: Company, url: str) -> None:
    with page_of(browser, url, extra_http_headers=_BOB) as page:
        page.goto("/incident?environment=staging")
        expect(page.locator("body[data-watching=events]")).to_be_attached()
        page.get_by_label("Reason").fill("INC-4")

        change = shop.ask("ledger", "staging")

        row = page.locator("#live li", has_text="ledger").filter(has_text="live")
        expect(row).to_be_visible()
        expect(row.get_by_role("link", name="Details")).to_have_attribute(
            "href", f"/p/ledger/changes/{change.id}"
        )
        expect(page.get_by_label("Reason")).to_be_focused()
        expect(page.get_by_label("Reason")).to_have_value("INC-4")


def test_button_of_a_row_takes_the_reason_of_the_form(
    browser: Browser, shop: Company, url: str
) -> None:
    with page_of(browser, url, extra_http_headers=_BOB) as page:
        page.goto("/incident")
        page.get_by_role("button", name="Lock search/prod").click()
        expect(page.get_by_label("Reason")).to_be_focused()
        page.keyboard.type("INC-5")
        page.get_by_role("button", name="Lock search/prod").click()

        expect(page.get_by_role("status")).to_have_text("Locked: search/prod")
