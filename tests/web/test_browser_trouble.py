"""The page in a real browser without events, without a registry, or at a wrong address."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.scenarios.changing import until
from tests.web.browser import PHONE, page_of, violations
from tests.web.serving import serving
from tests.web.stage import BOB, Stage, stage_in
from tests.web.test_browser import busy

# A page without events polls every ten seconds.
_ASKED_AGAIN = 60_000
_REFUSED = "the server responded with a status of"


@pytest.mark.requirement("WB-001")
def test_page_without_events_polls(browser: Browser, tmp_path: Path) -> None:
    with (
        stage_in(tmp_path, watchers=0) as stage,
        serving(stage.app) as url,
        page_of(browser, url, f"{_REFUSED} 503") as page,
    ):
        stage.publish("v1.0.0")
        page.goto("/")
        expect(page.locator("body[data-watching=polling]")).to_be_attached()

        stage.ask("v1.0.0", "staging")

        expect(page.locator(".path li:has(#env-staging) .version")).to_have_text(
            "v1.0.0", timeout=_ASKED_AGAIN
        )


@pytest.mark.requirement("WB-002")
def test_change_can_be_approved_with_the_keyboard_alone(
    browser: Browser, behind_proxy: Stage
) -> None:
    behind_proxy.publish("v1.0.0")
    behind_proxy.ask("v1.0.0", "staging")
    change = behind_proxy.ask("v1.0.0", "prod")
    who = {"X-Forwarded-Email": BOB}
    with (
        serving(behind_proxy.app) as url,
        page_of(browser, url, extra_http_headers=who) as page,
    ):
        page.goto(f"/changes/{change.id}")

        tab_to(page, "Approve…")
        page.keyboard.press("Enter")
        tab_to(page, "Approve v1.0.0 for prod")
        page.keyboard.press("Enter")

        expect(page.get_by_role("status")).to_contain_text("You approved v1.0.0 for prod")
    [given] = behind_proxy.platform.changes.get(change.id).approvals
    assert given.operator == BOB


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the focused element contains `text`."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            return
    raise AssertionError(f"the keyboard does not reach '{text}'")


@pytest.mark.requirement("WB-001")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["/nowhere", "/changes/c-0", "/history?since=" + "x" * 500])
def test_error_pages_are_accessible_and_fit_a_phone(
    browser: Browser, url: str, axe: str, scheme: Any, place: str
) -> None:
    with page_of(browser, url, f"{_REFUSED} 4", color_scheme=scheme, viewport=PHONE) as page:
        found = violations(page, place, axe)

        expect(page.get_by_role("alert")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert found == []


@pytest.fixture
def without_registry(stage: Stage) -> Iterator[Stage]:
    """A busy platform without its registry."""
    busy(stage)
    board = stage.site.board
    # A look that takes too long returns the old snapshot.
    assert until(lambda: board.look().error is None and any(r.drifted for r in board.look().rows))
    stage.get("/history")
    (stage.folder / "registry").rename(stage.folder / "away")
    board.expire()
    yield stage


@pytest.mark.requirement("WB-001")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_last_known_state_is_shown_accessibly(
    browser: Browser, without_registry: Stage, axe: str, scheme: Any
) -> None:
    places = ["/", "/history", "/changes", "/audit", "/environments/staging"]
    found, wide = {}, {}
    with (
        serving(without_registry.app) as url,
        page_of(browser, url, color_scheme=scheme, viewport=PHONE) as page,
    ):
        for place in places:
            found[place] = violations(page, place, axe)
            wide[place] = page.evaluate("document.documentElement.scrollWidth")
        page.goto("/")
        expect(page.get_by_role("alert")).to_contain_text("The registry does not answer")
        expect(page.locator(".path").get_by_text("drifted")).to_be_visible()

    assert found == {place: [] for place in places}
    assert set(wide.values()) == {PHONE["width"]}
