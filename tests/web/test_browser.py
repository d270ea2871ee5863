"""The page in a real browser: approval, live updates, no JavaScript, and accessibility."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from engine.domain.change import ChangeState
from tests.builders import image
from tests.peers.loopback import free_port
from tests.peers.oidc_provider import SECRET, oidc_provider
from tests.web.browser import PHONE, page_of, violations
from tests.web.serving import serving
from tests.web.stage import Stage, stage_in
from tests.web.test_pages import move_latest, promoted_to_prod, refresh


def busy(stage: Stage) -> None:
    """A platform with an example of each state: live, waiting, blocked, locked, drifted, failed."""
    promoted_to_prod(stage)
    stage.publish("v1.1.0", "v1.2.0")
    stage.ask("v1.1.0", "staging")
    stage.ask("v1.1.0", "prod")
    stage.ask("v1.2.0", "staging")
    stage.roll_back("v1.1.0", "staging", "INC-2: " + "5xx " * 100)
    stage.ask("v1.2.0", "prod", "mallory@acme.com")
    stage.lock("staging", "INC-7: checkout is slow, talk to payments. " * 6 + "x" * 300, "2h")
    stage.publish("v9.0.0", artifact=image(b"v9.0.0"))
    move_latest(stage.folder, "latest-staging", image(b"v9.0.0").manifest.digest.value)
    refresh(stage)


@pytest.mark.requirement("WB-002")
def test_second_person_signs_in_and_approves(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    callback = f"http://127.0.0.1:{port}/auth/callback"
    with oidc_provider(tmp_path, redirect_uris=(callback,)) as provider:
        web = (
            f"base_url: 'http://127.0.0.1:{port}', auth: {{mode: oidc, client_id: floe-web, "
            f"issuer: '{provider.issuer}', client_secret: '${{OIDC_SECRET}}'}}"
        )
        with stage_in(tmp_path, web, secret=SECRET) as stage, serving(stage.app, port) as url:
            stage.publish("v1.0.0")
            stage.ask("v1.0.0", "staging", "dave@acme.com")
            change = stage.ask("v1.0.0", "prod", "dave@acme.com")
            stage.platform.worker.start()
            try:
                with page_of(browser, url) as page:
                    sign_in(page, f"/changes/{change.id}", "alice")
                    page.get_by_text("Approve…").click()
                    expect(page.get_by_text("this starts immediately")).to_be_visible()
                    page.get_by_role("button", name="Approve v1.0.0 for prod").click()

                    expect(page.get_by_role("status")).to_contain_text("You approved v1.0.0")
                    expect(page.get_by_text("Approvals1 of 1")).to_be_visible()
                    expect(page.locator("li.done", has_text="execution")).to_be_visible()
            finally:
                stage.platform.worker.stop()
            ended = stage.platform.changes.get(change.id)

    assert ended.state is ChangeState.PROMOTED
    assert [given.operator for given in ended.approvals] == ["alice@acme.com"]


def sign_in(page: Page, place: str, user: str) -> None:
    """Sign in like a person: from a page, over the provider's form, back to that page."""
    page.goto(place)
    page.get_by_role("link", name="Sign in with your organization").click()
    page.get_by_placeholder("Enter any login").fill(user)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.wait_for_url(f"**{place}")


@pytest.mark.requirement("WB-001")
def test_moved_change_is_shown_without_reloading(browser: Browser, stage: Stage, url: str) -> None:
    stage.publish("v1.0.0")
    with page_of(browser, url) as page:
        page.goto("/")
        expect(page.locator("body[data-watching=events]")).to_be_attached()
        page.evaluate("window.stillHere = true")

        stage.ask("v1.0.0", "staging")

        expect(page.locator(".path li:has(#env-staging) .version")).to_have_text("v1.0.0")
        assert page.evaluate("window.stillHere")


@pytest.mark.requirement("WB-001")
def test_gates_are_shown_as_they_run_and_end(browser: Browser, tmp_path: Path) -> None:
    tests = "while [ ! -e open ]; do sleep 0.05; done; echo 214 passed"
    with stage_in(tmp_path, tests=tests) as stage, serving(stage.app) as url:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        asked = threading.Thread(target=stage.ask, args=("v1.0.0", "prod"))
        asked.start()
        with page_of(browser, url) as page:
            page.goto("/changes")
            page.get_by_role("link", name="v1.0.0 staging → prod").click()
            expect(page.locator("li", has_text="tests").get_by_text("running")).to_be_visible()

            (tmp_path / "open").touch()

            gate = page.locator("#left li", has_text="tests")
            expect(gate.get_by_text("passed", exact=True)).to_be_visible()
            gate.get_by_text("Output").click()
            expect(gate.locator("pre")).to_have_text("214 passed\n")
        asked.join(20)


@pytest.mark.requirement("WB-001")
def test_everything_can_be_read_without_javascript(
    browser: Browser, stage: Stage, url: str
) -> None:
    busy(stage)
    stage.audit()
    with page_of(browser, url, java_script_enabled=False) as page:
        page.goto("/")
        expect(page.get_by_text("awaiting 1 of 1").first).to_be_visible()
        page.get_by_role("link", name="History", exact=True).click()
        page.get_by_label("Kind").select_option("lock")
        page.get_by_role("button", name="Filter").click()
        expect(page.get_by_text("INC-7: checkout").first).to_be_visible()
        page.get_by_role("link", name="Changes").click()
        page.get_by_role("link", name="v1.1.0 staging → prod").click()
        page.get_by_text("Output").first.click()
        expect(page.locator("pre").first).to_be_visible()
        page.get_by_role("link", name="Audit").click()
        expect(page.get_by_text("sound").first).to_be_visible()


def places(stage: Stage) -> list[str]:
    changes = [f"/changes/{change.id}" for change in stage.platform.store.recent(9)]
    fixed = ["/", "/history", "/changes", "/audit", "/environments/staging", "/sign-in", "/nowhere"]
    return [*fixed, "/history?kind=refusal&operator=nobody", *changes]


@pytest.mark.requirement("WB-001")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["busy", "empty"])
def test_every_page_is_accessible(
    browser: Browser, stage: Stage, url: str, axe: str, scheme: Any, state: str
) -> None:
    if state == "busy":
        busy(stage)
    found = {}
    with page_of(browser, url, color_scheme=scheme) as page:
        for place in [place for place in places(stage) if place != "/nowhere"]:
            found[place] = violations(page, place, axe)

    assert found == {place: [] for place in found}


@pytest.mark.requirement("WB-001")
def test_scrolling_table_is_reachable_by_keyboard(
    browser: Browser, stage: Stage, url: str, axe: str
) -> None:
    # These tables contain no links, so the keyboard can scroll them only if they take the focus.
    stage.lock("prod", "INC-8: orders are written twice")
    refresh(stage)
    found = {}
    with page_of(browser, url, viewport={"width": 760, "height": 740}) as page:
        for place in ("/", "/history", "/environments/prod"):
            found[place] = violations(page, place, axe)
            assert page.evaluate(
                "[...document.querySelectorAll('.scroll')].some(e => e.scrollWidth > e.clientWidth)"
            )

    assert found == {place: [] for place in found}


@pytest.mark.requirement("WB-002")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_form_is_accessible(
    browser: Browser, behind_proxy: Stage, axe: str, scheme: Any
) -> None:
    busy(behind_proxy)
    found = {}
    who = {"X-Forwarded-Email": "bob@acme.com"}
    with (
        serving(behind_proxy.app) as url,
        page_of(browser, url, color_scheme=scheme, extra_http_headers=who) as page,
    ):
        for place in [place for place in places(behind_proxy) if place != "/nowhere"]:
            found[place] = violations(page, place, axe)

    assert found == {place: [] for place in found}


@pytest.mark.requirement("WB-001")
def test_times_are_those_of_the_reader(browser: Browser, stage: Stage, url: str) -> None:
    stage.lock("prod", "INC-8", "2h")
    refresh(stage)
    with page_of(browser, url, locale="en-GB", timezone_id="Asia/Tokyo") as page:
        page.goto("/environments/prod")
        until = page.locator("dd", has_text="INC-8").locator("time").last

        expect(until).to_contain_text("GMT+9")
        assert (until.get_attribute("title") or "").endswith(" UTC")
        expect(page.locator("td time").first).to_have_attribute("title", re.compile(r"GMT\+9$"))


@pytest.mark.requirement("WB-001")
def test_every_page_fits_a_phone(browser: Browser, stage: Stage, url: str) -> None:
    busy(stage)
    wide = {}
    with page_of(browser, url, viewport=PHONE) as page:
        for place in [place for place in places(stage) if place != "/nowhere"]:
            page.goto(place)
            wide[place] = page.evaluate("document.documentElement.scrollWidth")
        links = page.get_by_role("navigation", name="Pages").get_by_role("link").all()
        lines = {round((link.bounding_box() or {"y": 0})["y"]) for link in links}

    assert set(wide.values()) == {PHONE["width"]}
    assert (len(links), len(lines)) == (6, 1)


@pytest.mark.requirement("WB-001")
def test_keyboard_reaches_everything_a_mouse_does(browser: Browser, stage: Stage, url: str) -> None:
    busy(stage)
    with page_of(browser, url) as page:
        page.goto("/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        reached = set()
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent.trim()"))

    assert {"floe", "Now", "History", "Changes", "Audit", "staging", "prod"} <= reached
    assert any(text.startswith("→ v1.1.0 awaiting") for text in reached)
