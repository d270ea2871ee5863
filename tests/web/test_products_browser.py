"""The table of products in a real browser: search, keys, approval, and accessibility."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.scenarios.together import product
from tests.web.browser import PHONE, page_of, violations
from tests.web.company import APPROVED, BOB, Company, company
from tests.web.serving import serving

_BOB = {"X-Forwarded-Email": BOB}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Company]:
    """Products in different states: waiting, locked, drifted, unreachable and broken."""
    dead = "uri: 'oci://127.0.0.1:9/acme/dead', auth: {type: anonymous}"
    configs = [
        replace(product(tmp_path, "checkout", "staging", "prod", rules=APPROVED), owner="Payments"),
        replace(product(tmp_path, "invoices", "prod"), owner="Payments"),
        replace(product(tmp_path, "ledger", "staging", "prod"), owner="Finance"),
        product(tmp_path, "search", "prod"),
        product(tmp_path, "dead", "prod", registry=dead),
    ]
    broken = {"basket": "basket.yaml:3: artifacts: is missing"}
    with company(*configs, broken=broken) as running:
        running.ask("search")
        running.ask("invoices")
        running.ask("checkout", "staging")
        running.lock("ledger")
        running.read()
        yield running


@pytest.fixture
def url(shop: Company) -> Iterator[str]:
    with serving(shop.app) as running:
        yield running


def row(page: Page, name: str) -> Any:
    return page.locator(".matrix tbody tr", has=page.get_by_role("link", name=name, exact=True))


def test_person_approves_a_change_from_the_table(browser: Browser, shop: Company, url: str) -> None:
    shop.products.worker.start()
    try:
        with page_of(browser, url, extra_http_headers=_BOB) as page:
            page.goto("/")
            row(page, "checkout").get_by_role("link", name="checkout", exact=True).click()
            page.wait_for_url("**/p/checkout/")
            page.get_by_role("link", name="→ v1.0.0 awaiting 1 of 1").first.click()
            page.get_by_text("Approve…").click()
            page.get_by_role("button", name="Approve v1.0.0 for staging").click()
            expect(page.get_by_role("status")).to_contain_text("You approved v1.0.0")
            expect(page.locator("li.done", has_text="execution")).to_be_visible()

            page.get_by_role("link", name="Products").click()
            expect(row(page, "checkout").get_by_text("v1.0.0")).to_have_count(2)
            expect(page.get_by_text("Waits for you")).not_to_be_visible()
    finally:
        shop.products.worker.stop()


def test_table_follows_search_without_a_button(browser: Browser, url: str) -> None:
    with page_of(browser, url, extra_http_headers=_BOB) as page:
        page.goto("/")
        page.evaluate("window.stillHere = true")
        page.keyboard.press("/")
        page.keyboard.type("paym inv")

        expect(row(page, "checkout")).not_to_be_visible()
        expect(row(page, "invoices")).to_be_visible()
        assert page.evaluate("window.stillHere")
        page.wait_for_url(lambda found: "q=paym" in found)
        page.reload()
        expect(row(page, "checkout")).not_to_be_visible()
        expect(page.get_by_label("Search")).to_have_value("paym inv")


def test_keys_open_a_product(browser: Browser, url: str) -> None:
    with page_of(browser, url, extra_http_headers=_BOB) as page:
        page.goto("/?group=none")
        for key in ("j", "j", "j", "k"):
            page.keyboard.press(key)
        expect(page.get_by_role("link", name="checkout", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**/p/checkout/")


def test_table_works_without_javascript(browser: Browser, url: str) -> None:
    options: Any = {"java_script_enabled": False, "extra_http_headers": _BOB}
    with page_of(browser, url, **options) as page:
        page.goto("/")
        page.get_by_label("Show").select_option("attention")
        page.get_by_role("button", name="Find").click()
        expect(row(page, "search")).not_to_be_visible()
        expect(row(page, "ledger").get_by_text("locked")).to_be_visible()
        page.get_by_role("button", name="Favourite ledger").click()
        expect(page.get_by_role("button", name="Favourite ledger")).to_have_attribute(
            "aria-pressed", "true"
        )
        assert page.url.endswith("/?only=attention")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_table_is_accessible(browser: Browser, url: str, axe: str, scheme: Any) -> None:
    found = {}
    options: Any = {"color_scheme": scheme, "extra_http_headers": _BOB}
    with page_of(browser, url, refused="503", **options) as page:
        for place in ("/", "/?q=nothing-like-it", "/p/checkout/", "/p/basket/"):
            found[place] = violations(page, place, axe)

    assert found == {place: [] for place in found}


def test_table_fits_a_phone(browser: Browser, url: str) -> None:
    with page_of(browser, url, viewport=PHONE, extra_http_headers=_BOB) as page:
        page.goto("/")

        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        table = page.get_by_role("region", name="Products and environments")
        assert table.evaluate("(e) => e.scrollWidth <= e.clientWidth")
        expect(row(page, "ledger")).to_contain_text("v1.0.0")
        expect(page.get_by_text("next, previous")).not_to_be_visible()


def test_head_of_the_table_stays_in_view(browser: Browser, url: str) -> None:
    options: Any = {"viewport": {"width": 1000, "height": 400}, "extra_http_headers": _BOB}
    with page_of(browser, url, **options) as page:
        page.goto("/")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")

        expect(page.get_by_role("columnheader", name="Product", exact=True)).to_be_in_viewport()
        assert page.evaluate("window.scrollY") > 100
