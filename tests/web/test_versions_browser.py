"""Published versions in a real browser: the card, and the grid with its pages."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import PHONE, page_of, violations
from tests.web.stage import Stage

LONG = "v2.0.0-feature.checkout-redesign.20261201"


@pytest.fixture
def many(stage: Stage) -> Stage:
    """Of 31 published versions, staging runs v1.3.0 and was rolled back from v1.4.0."""
    stage.publish(*(f"v1.{number}.0" for number in range(30)), LONG)
    for version in ("v1.3.0", "v1.4.0"):
        stage.ask(version, "staging")
    stage.roll_back("v1.3.0", "staging")
    return stage


@pytest.mark.requirement("WB-001")
def test_newest_versions_lead_from_the_card_to_the_older_ones(
    browser: Browser, many: Stage, url: str
) -> None:
    with page_of(browser, url) as page:
        page.goto("/")
        card = page.get_by_role("list", name="Environments along the promotion path")
        expect(card.get_by_role("link", name="v1.29.0", exact=True)).to_be_visible()
        expect(card).to_contain_text("published; can go to staging")

        page.get_by_role("link", name="All 31 versions").click()
        grid = page.get_by_role("table", name="Where each version is")
        expect(grid.get_by_role("row")).to_have_count(1 + 20 + 1)
        expect(grid.get_by_role("row", name=re.compile(r"^v1\.3\.0"))).to_contain_text("live")

        page.get_by_role("link", name="Older versions").click()
        expect(grid.get_by_role("row", name=re.compile(r"^v1\.4\.0"))).to_contain_text(
            "quarantined"
        )
        expect(page.get_by_role("link", name="Older versions")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_list_fits_a_phone_and_passes_axe(
    browser: Browser, many: Stage, url: str, axe: str, scheme: str, tmp_path: Path
) -> None:
    with page_of(browser, url, viewport=PHONE, color_scheme=scheme) as page:
        for place in ("/", "/history"):
            assert violations(page, place, axe) == []
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], place
            page.screenshot(path=tmp_path / f"{scheme}{place.strip('/')}.png", full_page=True)
