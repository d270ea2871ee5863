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
            [address] = re.findall(r"http://\S+/changes/c-[0-9a-f]+", said)
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
def test_demo_shows_an_example_of_every_page(demo) -> None:
    url, _, _ = demo[1].partition("/changes/")
    with chromium() as browser, page_of(browser, url) as page:
        sign_in(page, "/", "carol@acme.com")

        main = page.get_by_role("main")
        for said in ("drifted", "locked by bob@acme.com until", "awaiting 1 of 1", "INC-41"):
            expect(main).to_contain_text(said)


@pytest.mark.requirement("WB-002")
@pytest.mark.timeout(600)
def test_second_person_of_the_demo_can_approve(demo) -> None:
    url, _, path = demo[1].partition("/changes/")
    with chromium() as browser, page_of(browser, url) as page:
        sign_in(page, f"/changes/{path}", "bob@acme.com")
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
