"""What tests of the page share: a platform that anybody may read, and one behind a proxy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.stage import PROXY, Stage, stage_in


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Nobody signs in."""
    with stage_in(tmp_path) as running:
        yield running


@pytest.fixture
def behind_proxy(tmp_path: Path) -> Iterator[Stage]:
    """A proxy on this machine says in a header who is there."""
    with stage_in(tmp_path, PROXY) as running:
        yield running
