"""/readyz names the part that fails, and can exclude parts that all servers share."""

import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import image
from tests.cli.serving import Serving, serving, write_manifest
from tests.peers import oci_layout
from tests.peers.loopback import free_port
from tests.peers.postgres import PASSWORD, PostgresProcess
from tests.store.databases import new_schema

pytestmark = pytest.mark.timeout(300)
_SECONDS = 60


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")
    write_manifest(tmp_path, f"oci-layout:{tmp_path}/registry", "http://127.0.0.1:9")
    return tmp_path


def ready(server: Serving, *excluded: str) -> httpx.Response:
    return httpx.get(f"{server.url}/readyz", params={"exclude": excluded}, timeout=30)


def unavailable(answer: httpx.Response) -> dict[str, Any]:
    """Return the parts that are not ready, and their reasons."""
    parts = answer.json()["parts"]
    return {name: part["why"] for name, part in parts.items() if not part["ready"]}


def test_server_without_its_database_is_not_ready_until_it_answers_again(
    platform: Path, postgres_server: PostgresProcess
) -> None:
    state = f"state: {{url: env:FLOE_STATE_URL, schema: {new_schema()}}}\n"
    with (platform / "manifest.yaml").open("a") as manifest:
        manifest.write(state)
    with serving(platform, FLOE_STATE_URL=postgres_server.url) as server:
        before = ready(server)
        postgres_server.send(signal.SIGSTOP)
        try:
            lost = ready(server)
            of_another_part = ready(server, "registry", "slack")
            without_it = ready(server, "registry", "store")
        finally:
            postgres_server.send(signal.SIGCONT)
        end = time.monotonic() + _SECONDS
        while (after := ready(server)).status_code != 200 and time.monotonic() < end:
            time.sleep(0.2)

    assert (before.status_code, unavailable(before)) == (200, {})
    assert (lost.status_code, of_another_part.status_code, without_it.status_code) == (
        503,
        503,
        200,
    )
    assert unavailable(lost)["store"].startswith(f"PostgreSQL 127.0.0.1:{postgres_server.port}/")
    assert unavailable(without_it).keys() == {"store"}
    assert PASSWORD not in lost.text
    assert (after.status_code, unavailable(after)) == (200, {})


def test_server_without_its_connection_to_slack_is_not_ready(platform: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/api/"
    tokens = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "SLACK_API_URL": nowhere}
    with serving(platform, **tokens) as server:
        lost, without_it = ready(server), ready(server, "slack")

    assert (lost.status_code, without_it.status_code) == (503, 200)
    assert "connection to Slack is down" in unavailable(lost)["slack"]
