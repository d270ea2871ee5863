"""A Slack with floe beside it, twice: Slack calls floe, and floe connects to Slack."""

from collections.abc import Iterator

import pytest

from tests.e2e.workspace import Workspace, workspace


@pytest.fixture(scope="module", params=["http", "socket"])
def slack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry_host: str
) -> Iterator[Workspace]:
    """Of a module: its tests take versions of their own."""
    folder = tmp_path_factory.mktemp("slack")
    repository = f"tests/{folder.name}-{request.param}"
    socket = request.param == "socket"
    with workspace(folder, registry_host, repository, socket=socket) as running:
        yield running
