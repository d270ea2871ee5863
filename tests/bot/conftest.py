"""The fixture with a platform and its bot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.stage import Stage, stage_in


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path) as built:
        yield built
