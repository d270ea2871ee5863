"""Fixtures of all tests: registries, real ones first."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.ports import Registry
from tests.builders import Artifact, image
from tests.peers import docker_registry as docker
from tests.peers import oci_layout, raw
from tests.peers.fake_registry import FakeRegistry
from tests.peers.fake_tokens import TokenAuth
from tests.secrets import log_listener, nothing_secret_is_logged
from tests.store.databases import Databases

if TYPE_CHECKING:
    from tests.peers.postgres import PostgresProcess

__all__ = ["log_listener", "nothing_secret_is_logged"]

# CI tries the same examples every time; a developer's machine always tries new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_configure() -> None:
    """Put leases of the tests' registries into a separate directory."""
    locks = Path(tempfile.gettempdir(), "floe-test-locks")
    locks.mkdir(exist_ok=True)
    if locks.stat().st_uid == os.geteuid():
        locks.chmod(0o1777)
    os.environ.setdefault("FLOE_LOCK_DIR", str(locks))


def pytest_xdist_auto_num_workers() -> int:
    """
    Return twice the number of processors, since tests mostly wait; at most one per registry
    process.
    """
    return min(8, 2 * (os.cpu_count() or 1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Spread files with long timeouts over the first half of a parallel run: they mostly wait, so
    others should run beside them, and none of them may run last.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    longest: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, 0), mark.args[0] if mark else 0)
    slow = sorted((path for path in longest if longest[path]), key=lambda path: -longest[path])
    places = {path: float(number) for number, path in enumerate(longest)}
    gap = len(places) / 2 / max(len(slow), 1)
    places |= {path: number * gap for number, path in enumerate(slow)}
    items.sort(key=lambda item: places[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Escape lone surrogates in test output, which cannot travel between processes."""
    return _sendable((yield))


def _sendable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_sendable, value))
    return value


@dataclass(frozen=True)
class Place:
    """A registry under test, and a way to push artifacts into it without floe."""

    registry: Registry
    push: Callable[[Artifact, str | None], None]


@pytest.fixture(scope="session")
def registry_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield `host:port` of a real registry with plain http; FLOE_TEST_REGISTRY names another."""
    given = os.environ.get("FLOE_TEST_REGISTRY")
    if given:
        yield given
        return
    if shutil.which(docker.PROGRAM) is None:
        pytest.fail(f"install {docker.PROGRAM}, or name a registry in FLOE_TEST_REGISTRY")
    with docker.docker_registry(tmp_path_factory.mktemp("docker-registry")) as running:
        yield running.host


@pytest.fixture
def repository() -> str:
    """Return a unique repository name."""
    return f"tests/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def opened() -> Iterator[Callable[..., DistributionRegistry]]:
    """Open registries as `open_registry` does, over plain http, and close them afterwards."""
    with ExitStack() as stack:

        def open_plain(
            host: str, repository: str = "acme/platform", **options: Any
        ) -> DistributionRegistry:
            settings: dict[str, Any] = {"scheme": "http", "credentials": anonymous}
            registry = open_registry(host, repository, **(settings | options))
            stack.callback(registry.close)
            return registry

        yield open_plain


@pytest.fixture(params=["layout", "remote"])
def place(request: pytest.FixtureRequest, tmp_path: Path, repository: str) -> Place:
    """Yield each kind of registry in turn."""
    if request.param == "layout":
        root = tmp_path / "registry"
        layout = LayoutRegistry.create(root)
        return Place(layout, lambda artifact, tag: oci_layout.write(root, artifact, tag))
    host = request.getfixturevalue("registry_host")
    remote = request.getfixturevalue("opened")(host, repository)
    return Place(remote, lambda artifact, tag: raw.push(host, repository, artifact, tag))


@pytest.fixture
def registry(place: Place) -> Registry:
    return place.registry


@pytest.fixture
def auth(fake: FakeRegistry) -> TokenAuth:
    """The fake asks for tokens, and holds v1.0.0."""
    fake.hold("acme/platform", image(), "v1.0.0")
    fake.behaviour.auth = TokenAuth()
    return fake.behaviour.auth


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, its key in the same folder."""
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-nodes", "-days", "2", "-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return file


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["PostgresProcess"]:
    """One PostgreSQL server for the tests of this process."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'floe[postgres]'")
    from tests.peers import postgres

    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed: .ci/packages postgresql")
    with postgres.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def pooler(postgres_server: "PostgresProcess") -> Iterator[str]:
    """The URL of a pooler in transaction mode before the server."""
    if shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("pgbouncer is not installed: .ci/packages pgbouncer")
    from tests.peers.postgres import pgbouncer

    with pgbouncer(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres", "pgbouncer"])
def place_of_state(request: pytest.FixtureRequest) -> str | None:
    """The URL of each kind of database; None for files."""
    if request.param == "sqlite":
        return None
    if request.param == "pgbouncer":
        return str(request.getfixturevalue("pooler"))
    return str(request.getfixturevalue("postgres_server").url)


@pytest.fixture
def databases(place_of_state: str | None, tmp_path: Path) -> Iterator[Databases]:
    """Every kind of database in turn."""
    made = Databases(tmp_path / "state", place_of_state)
    yield made
    made.close()
