"""Requests and approvals on the page in a real browser."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from engine.domain.change import ChangeState
from tests.web.browser import page_of, violations
from tests.web.serving import serving
from tests.web.stage import ALICE, BOB, Stage
from tests.web.test_change_requests import PROMOTE, ROLLBACK, last_change, publish_two

pytestmark = pytest.mark.requirement("WB-002")
PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rollback_works_on_a_phone_by_keyboard_without_javascript(
    browser: Browser, behind_proxy: Stage, axe: str, scheme: Any
) -> None:
    publish_two(behind_proxy)
    who, found = {"X-Forwarded-Email": ALICE}, {}
    looks: Any = {"color_scheme": scheme, "viewport": PHONE, "extra_http_headers": who}
    with serving(behind_proxy.app) as url:
        with page_of(browser, url, **looks) as page:
            for place in (PROMOTE, f"{PROMOTE}?version=v1.2.0", f"{ROLLBACK}?version=v1.0.0"):
                found[place] = violations(page, place, axe)
                assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        with page_of(browser, url, java_script_enabled=False, **looks) as page:
            page.goto("/environments/staging")
            page.get_by_role("link", name="Roll back staging…").press("Enter")
            page.get_by_role("button", name="Show the effect").press("Enter")
            page.get_by_label("Reason").fill("INC-9: 5xx")
            page.get_by_role("button", name="Roll back staging to v1.0.0").press("Enter")
            expect(page.get_by_role("status")).to_contain_text("You requested v1.0.0 for staging")

    assert found == {place: [] for place in found}
    assert behind_proxy.settle(last_change(behind_proxy).id).state is ChangeState.PROMOTED


def test_exception_is_made_on_a_phone_by_keyboard(
    browser: Browser, behind_proxy: Stage, axe: str
) -> None:
    publish_two(behind_proxy)
    behind_proxy.publish("v0.9.0")
    who, place = {"X-Forwarded-Email": ALICE}, f"{PROMOTE}?version=v0.9.0"
    with (
        serving(behind_proxy.app) as url,
        page_of(browser, url, viewport=PHONE, extra_http_headers=who) as page,
    ):
        found = [violations(page, each, axe) for each in (place, f"{place}&allow_older=yes")]
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        page.goto(place)
        page.get_by_role("button", name="Show the effect with this exception").press("Enter")
        page.get_by_label("Reason").fill("customers on the old line")
        page.get_by_role("button", name="Promote v0.9.0 to staging").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("You requested v0.9.0 for staging")

    assert found == [[], []]
    assert behind_proxy.settle(last_change(behind_proxy).id).state is ChangeState.PROMOTED


def test_opened_question_and_typed_reason_stay_when_the_change_moves(
    browser: Browser, behind_proxy: Stage
) -> None:
    behind_proxy.publish("v1.0.0")
    behind_proxy.ask("v1.0.0", "staging")
    change = behind_proxy.ask("v1.0.0", "prod")
    with (
        serving(behind_proxy.app) as url,
        page_of(browser, url, extra_http_headers={"X-Forwarded-Email": BOB}) as page,
    ):
        page.goto(f"/changes/{change.id}")
        expect(page.locator("body[data-watching=events]")).to_be_attached()
        page.get_by_text("Approve…").click()
        page.get_by_text("Reject…").click()
        page.get_by_label("Why not?").fill("not on a Friday")
        page.evaluate("document.querySelector('#decide').dataset.old = 'yes'")

        behind_proxy.platform.store.add_events(change.id, [("superseding", {})])

        expect(page.locator("#decide[data-old]")).to_have_count(0)
        expect(page.get_by_role("button", name="Approve v1.0.0 for prod")).to_be_visible()
        expect(page.get_by_label("Why not?")).to_have_value("not on a Friday")
        expect(page.get_by_label("Why not?")).to_be_focused()
