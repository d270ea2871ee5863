"""Fixtures of the contract tests: stores, registries with authentication, and secondaries."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.ports.change_store import ChangeStore
from tests.builders import Artifact, image
from tests.contract.mirrors import LAYER, REPOSITORY
from tests.contract.stores import HandClock, sqlite_store
from tests.peers.fake_registry import FakeRegistry
from tests.peers.fake_tokens import TokenAuth


@pytest.fixture
def clock() -> HandClock:
    """The clock of `store`."""
    return HandClock()


@pytest.fixture(params=["sqlite"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> Iterator[ChangeStore]:
    """Every kind of store in turn."""
    assert request.param == "sqlite"
    with sqlite_store(tmp_path / "state", clock=clock) as made:
        yield made


@pytest.fixture
def secondary() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def artifact(fake: FakeRegistry) -> Artifact:
    """v1.0.0 on the primary, which is `fake`: LAYER and another one."""
    made = image(LAYER, b"other")
    fake.hold(REPOSITORY, made, "v1.0.0")
    return made


@pytest.fixture
def auth(fake: FakeRegistry) -> TokenAuth:
    """The fake asks for tokens, and holds v1.0.0."""
    fake.hold(REPOSITORY, image(), "v1.0.0")
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


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that any user may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)
