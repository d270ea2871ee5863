"""`make serve-demo`: the pages it shows, and a clean end."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import chromium, page_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the demo, and return the address of the change that waits."""
    command = [sys.executable, "-m", "demo.serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            said = ""
            while "Ctrl-C ends it" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            [address] = re.findall(r"http://\S+/p/checkout/changes/c-[0-9a-f]+", said)
            yield process, address
        finally:
            process.terminate()
            process.wait(90)


def sign_in(page: Page, place: str, who: str) -> None:
    page.goto(place)
    page.get_by_role("link", name="Sign in with your organization").click()
    page.get_by_role("link", name=who).click()


@pytest.mark.requirement("WB-001")
@pytest.mark.timeout(600)
def test_demo_shows_products_in_different_states(demo) -> None:
    url, _, _ = demo[1].partition("/p/")
    with chromium() as browser, page_of(browser, url) as page:
        sign_in(page, "/", "carol@acme.com")

        main = page.get_by_role("main")
        for said in ("broken file", "unreachable", "drift", "locked", "→ v1.4.4"):
            expect(main).to_contain_text(said, timeout=60_000)
        page.goto("/p/checkout/")
        expect(page.get_by_role("main")).to_contain_text("locked by bob@acme.com until")
        expect(page.get_by_role("main")).to_contain_text("INC-41")
        page.goto("/p/search/")
        expect(page.get_by_role("main")).to_contain_text(re.compile("close[sd] .*Europe/Berlin"))


@pytest.mark.requirement("WB-002")
@pytest.mark.timeout(600)
def test_second_person_walks_from_all_products_to_an_approval(demo) -> None:
    url, _, path = demo[1].partition("/p/")
    with chromium() as browser, page_of(browser, url) as page:
        sign_in(page, "/", "bob@acme.com")
        page.get_by_role("link", name="checkout", exact=True).click()
        page.locator(f"a[href='/p/{path}']").first.click()
        main = page.get_by_role("main")
        for said in ("Changes from v1.4.1", "1 new (CVE-2021-45105", "1 fixed (CVE-2023-45853)"):
            expect(main).to_contain_text(said)
        expect(main).to_contain_text("1 upgraded (zlib 1.2.13 → 1.3.1)")
        page.get_by_text("Approve…").click()
        page.get_by_role("button", name="Approve v1.4.4 for prod").click()

        expect(page.get_by_role("main")).to_contain_text("promoted", timeout=60_000)


@pytest.mark.timeout(600)
def test_ctrl_c_ends_the_demo_and_leaves_nothing_running(demo) -> None:
    process, _ = demo

    process.send_signal(signal.SIGINT)

    assert process.wait(90) == 0
    assert "Ended." in process.stdout.read()
    running = subprocess.run(["pgrep", "-f", "floe serve"], capture_output=True, text=True).stdout
    children = [pid for pid in running.split() if f"{ROOT}/.demo/page" in _folder(pid)]
    assert children == []


def _folder(pid: str) -> str:
    link = Path(f"/proc/{pid}/cwd")
    return str(link.resolve()) if link.exists() else ""
