"""The stage, twice: Slack calls floe, and floe connects to Slack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage, stage_in


@pytest.fixture(params=["http", "socket"])
def stage(
    request: pytest.FixtureRequest, tmp_path: Path, registry_host: str, repository: str
) -> Iterator[Stage]:
    with stage_in(tmp_path, registry_host, repository, socket=request.param == "socket") as built:
        yield built
