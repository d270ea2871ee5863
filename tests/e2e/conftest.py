"""A Slack workspace with floe, in both modes: Slack calls floe, and floe connects to Slack."""

from collections.abc import Iterator

import pytest

from tests.e2e.workspace import Workspace, workspace


@pytest.fixture(scope="module", params=["http", "socket"])
def slack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry_host: str
) -> Iterator[Workspace]:
    """One workspace per module; each test uses its own versions."""
    folder = tmp_path_factory.mktemp("slack")
    repository = f"tests/{folder.name}-{request.param}"
    socket = request.param == "socket"
    with workspace(folder, registry_host, repository, socket=socket) as running:
        yield running
