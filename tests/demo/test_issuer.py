"""The provider of the demos: one person plays two, as docs/install.md says."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.bot.stage import eventually
from tests.docs.pages import ROOT, blocks
from tests.peers.loopback import free_port
from tests.web.browser import chromium, page_of


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Type the commands of the page, on free ports."""
    issuer, port = free_port(), free_port()
    url = f"http://localhost:{port}"
    [block] = [each for each in blocks("sh") if "demo.issuer" in each.text]
    commands = (
        block.text.replace(".venv/bin/python", sys.executable)
        .replace("-m demo.issuer", f"-m demo.issuer --port {issuer}")
        .replace("127.0.0.1:9000", f"127.0.0.1:{issuer} --address {url}")
        .replace("floe serve", f"exec floe serve --port {port}")
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=ROOT,
            env={"PATH": path, "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as shell,
    ):
        try:
            eventually(lambda: _is_ready(url), 120)
            yield url
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
            shell.wait(60)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.timeout(600)
def test_one_person_requests_as_alice_and_approves_as_bob(url: str) -> None:
    with chromium() as browser:
        change = _request(browser, url)
        with page_of(browser, url) as page:
            page.goto(change)
            page.get_by_role("link", name="Sign in with your organization").click()
            page.get_by_role("link", name="bob@acme.com").click()
            page.get_by_text("Approve…").click()
            page.get_by_role("button", name="Approve v0.0.1 for prod").click()

            expect(page.get_by_role("main")).to_contain_text("promoted", timeout=60_000)


@pytest.mark.parametrize("port", ["taken", "99999"])
def test_port_that_cannot_be_used_is_one_sentence(port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = str(other.getsockname()[1]) if port == "taken" else port
        command = [sys.executable, "-m", "demo.issuer", "--port", number]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("The provider cannot start: ")
    assert ran.stderr.endswith("Choose another --port\n")
    assert ran.stderr.count("\n") == 1


def _request(browser: Browser, url: str) -> str:
    """Promote v0.0.1 to prod as alice; return the path of the change."""
    with page_of(browser, url) as page:
        page.goto("/environments/prod/promote?version=v0.0.1")
        page.get_by_role("link", name="Sign in with your organization").click()
        page.get_by_role("link", name="alice@acme.com").click()
        page.locator("main form[method=post] button").last.click()
        page.wait_for_url(re.compile("/changes/c-"))
        return page.url.removeprefix(url)
