"""The proxy of compose.replicas.yaml, in front of two real servers with one database."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.builders import image
from tests.cli.serving import Serving, serving
from tests.install.test_compose import ROOT, SERVERS
from tests.peers import raw
from tests.peers.loopback import free_port, until_answered
from tests.peers.postgres import PostgresProcess
from tests.store.databases import new_schema

pytestmark = pytest.mark.timeout(300)
# Longer than the checks need to remove a server.
_UNNOTICED_SECONDS = 20


@contextmanager
def proxy(folder: Path, servers: list[Serving]) -> Iterator[str]:
    """Run Debian's haproxy with the configuration of the repository, for other addresses."""
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("haproxy is not installed: .ci/packages haproxy")
    port = free_port()
    text = (ROOT / "deploy/haproxy.cfg").read_text().replace("bind :8080", f"bind 127.0.0.1:{port}")
    for name, server in zip(SERVERS, servers, strict=True):
        text = text.replace(f" {name}:8080", f" 127.0.0.1:{server.port}")
    (folder / "haproxy.cfg").write_text(text)
    with (
        (folder / "haproxy.log").open("wb") as log,
        subprocess.Popen(
            [program, "-db", "-f", folder / "haproxy.cfg"], stdout=log, stderr=log
        ) as process,
    ):
        try:
            until_answered(f"http://127.0.0.1:{port}/healthz", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def servers(
    tmp_path: Path, registry_host: str, repository: str, postgres_server: PostgresProcess
) -> Iterator[list[Serving]]:
    raw.push(registry_host, repository, image(b"one"), "v1.0.0-dev")
    text = (ROOT / "deploy/manifest.replicas.yaml").read_text()
    text = text.replace("registry:5000/acme/platform", f"{registry_host}/{repository}")
    text = text.replace("url: env:", f"schema: {new_schema()}\n  url: env:")
    with ExitStack() as stack:
        made = []
        for name in SERVERS:
            folder = tmp_path / name
            folder.mkdir()
            manifest = re.sub("/var/lib/floe", str(folder / "state"), text)
            (folder / "manifest.yaml").write_text(manifest)
            server = serving(folder, FLOE_STATE_URL=postgres_server.url)
            made.append(stack.enter_context(server))
        yield made


def answers(url: str, count: int = 20) -> set[int]:
    return {httpx.get(f"{url}/api/v1/status", timeout=30).status_code for _ in range(count)}


def test_requests_reach_the_server_that_is_left(tmp_path: Path, servers: list[Serving]) -> None:
    with proxy(tmp_path, servers) as url:
        both = answers(url)
        servers[0].process.kill()
        left = answers(url)
        servers[1].process.kill()
        none = answers(url, 1)

    assert (both, left, none) == ({200}, {200}, {503})


def test_page_is_served_while_every_server_lost_the_database(
    tmp_path: Path, servers: list[Serving], postgres_server: PostgresProcess
) -> None:
    with proxy(tmp_path, servers) as url:
        before = httpx.get(url).status_code
        postgres_server.send(signal.SIGSTOP)
        try:
            time.sleep(_UNNOTICED_SECONDS)
            page = httpx.get(url, timeout=60)
        finally:
            postgres_server.send(signal.SIGCONT)

    assert (before, page.status_code) == (200, 200)
    assert "did not answer" in page.text or "does not answer" in page.text
