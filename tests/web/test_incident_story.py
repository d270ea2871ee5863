"""The story of an incident on the page, from the lock of everything to the review."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from engine.config import Config, load_config
from engine.domain.change import ChangeState
from engine.ports import NO_PROGRESS
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.together import product, someone, submit
from tests.web.browser import page_of
from tests.web.company import APPROVED, Company, company
from tests.web.serving import serving

_GLASS = "break_glass: {groups: [managers], review: {groups: [managers]}}"
_PROD = "/p/checkout/environments/prod"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Company]:
    """checkout runs v2.0.0 after v1.0.0 in prod, and has a fix; search runs too."""
    with company(checkout(tmp_path), product(tmp_path, "search", "prod")) as running:
        release(running, "v1.0.0")
        publish(tmp_path, "v2.0.0", "v2.0.1")
        release(running, "v2.0.0")
        running.ask("search")
        running.read()
        running.products.worker.start()
        yield running
        running.products.worker.stop()


def checkout(folder: Path) -> Config:
    """A product with two managers."""
    first = product(folder, "checkout", "prod", rules=APPROVED, promotion=_GLASS)
    file = folder / "checkout/manifest.yaml"
    file.write_text(file.read_text().replace("[bob]", "[bob, carol]"))
    return replace(load_config(file, {}), product="checkout", state_dir=first.state_dir)


def publish(folder: Path, *versions: str) -> None:
    for version in versions:
        oci_layout.write(folder / "checkout/registry", image(version.encode()), f"{version}-dev")


def release(shop: Company, version: str) -> None:
    """Promote `version` to prod; Bob approves."""
    platform = shop.products["checkout"]
    change = submit(platform, "prod", version=version)
    platform.progression.settle(change, NO_PROGRESS)
    bob = someone(platform, "bob")
    approved = platform.changes.approve(change.id, bob, "cli")
    assert platform.progression.settle(approved, NO_PROGRESS).state is ChangeState.PROMOTED


@pytest.mark.requirement("WB-002")
def test_incident_from_the_lock_to_the_review(browser: Browser, shop: Company) -> None:
    with serving(shop.app) as url:
        with page_of(browser, url, extra_http_headers={"X-Forwarded-Email": "bob"}) as page:
            lock_everything(page)
            roll_back(page)
            page.goto(f"{_PROD}/promote?version=v2.0.0")
            expect(page.get_by_text("was rolled back from v2.0.0").first).to_be_visible()
            break_the_glass(page)
            page.goto(_PROD)
            expect(page.get_by_text("so another person must review it")).to_be_visible()
            expect(page.get_by_label("Your review")).to_have_count(0)
        with page_of(browser, url, extra_http_headers={"X-Forwarded-Email": "carol"}) as page:
            review(page, "right: it was down")
            expect(page.get_by_text("Another person must review it")).to_have_count(0)
            unlock(page)

    entries = shop.products["checkout"].engine.history("prod", 20)
    told = [entry.record.kind for entry in entries if entry.record.kind != "refusal"]
    assert told[:-2] == ["unlock", "review", "promotion", "rollback", "lock"]
    assert shop.products["checkout"].engine.status("prod")[0].state.version == "v2.0.1"


def lock_everything(page: Page) -> None:
    """Find the change that broke checkout, and lock prod of all products."""
    page.goto("/incident")
    expect(page.locator("#live li", has_text="v1.0.0 → v2.0.0")).to_contain_text("approved by bob")
    page.get_by_label("Reason").fill("INC-42: checkout answers with 5xx")
    page.get_by_label("Environment", exact=True).select_option("prod")
    page.get_by_role("button", name="Lock", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Locked: checkout/prod, search/prod")


def roll_back(page: Page) -> None:
    """Roll back after a look at the impact; the lock does not stop it."""
    row = page.locator("#live li", has_text="v1.0.0 → v2.0.0")
    row.get_by_role("link", name="Roll back").click()
    page.get_by_role("button", name="Show the effect").click()
    expect(page.get_by_role("heading", name="v2.0.0 → v1.0.0")).to_be_visible()
    expect(page.get_by_role("heading", name="Impact")).to_be_visible()
    page.get_by_label("Reason").fill("INC-42: 5xx since v2.0.0")
    page.get_by_role("button", name="Roll back prod to v1.0.0").click()
    expect(page.locator("li.done", has_text="execution")).to_be_visible()


def break_the_glass(page: Page) -> None:
    """Promote the fix past the lock and without an approval."""
    page.goto(f"{_PROD}/promote?version=v2.0.1")
    page.get_by_label("Incident").fill("INC-42")
    page.get_by_role("button", name="Show it as a break-glass").click()
    page.get_by_label("Reason").fill("the fix of 5xx")
    page.get_by_role("button", name="Promote v2.0.1 to prod").click()
    expect(page.locator("li.done", has_text="execution")).to_be_visible()


def review(page: Page, note: str) -> None:
    page.goto(_PROD)
    page.get_by_label("Your review").fill(note)
    page.get_by_role("button", name="Accept").click()


def unlock(page: Page) -> None:
    """Unlock checkout from the list of the incident page."""
    page.goto("/incident")
    page.locator("#unlock-checkout-prod").click()
    page.get_by_label("Reason").fill("INC-42 is resolved")
    page.get_by_role("button", name="Unlock prod").click()
    expect(page.get_by_role("button", name="Lock prod")).to_be_visible()
