"""The stage, twice: Slack calls floe, and floe connects to Slack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage, stage_in
from tests.e2e.workspace import Workspace, workspace

_MODES = ["http", "socket"]


@pytest.fixture(params=_MODES)
def stage(
    request: pytest.FixtureRequest, tmp_path: Path, registry_host: str, repository: str
) -> Iterator[Stage]:
    """Of each test, in this process."""
    with stage_in(tmp_path, registry_host, repository, socket=request.param == "socket") as built:
        yield built


@pytest.fixture(scope="module", params=_MODES)
def slack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry_host: str
) -> Iterator[Workspace]:
    """Of a module, served by a process of its own."""
    folder = tmp_path_factory.mktemp("slack")
    repository = f"tests/{folder.name}-{request.param}"
    socket = request.param == "socket"
    with workspace(folder, registry_host, repository, socket=socket) as running:
        yield running
