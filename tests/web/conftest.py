"""Fixtures of the page tests: a public platform, and one behind a proxy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.peers import npm
from tests.web.browser import chromium
from tests.web.serving import serving
from tests.web.stage import PROXY, Stage, stage_in

_AXE = Path(__file__).parent / "axe"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core, which checks accessibility."""
    npm.install(_AXE)
    return (_AXE / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture
def url(stage: Stage) -> Iterator[str]:
    """Return the address of `stage`."""
    with serving(stage.app) as running:
        yield running


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A platform without sign-in."""
    with stage_in(tmp_path) as running:
        yield running


@pytest.fixture
def behind_proxy(tmp_path: Path) -> Iterator[Stage]:
    """A platform behind a local proxy that names the person in a header."""
    with stage_in(tmp_path, PROXY) as running:
        yield running
