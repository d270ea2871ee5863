"""The engines of one server share threads, connections and the state, and wait for none."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.remote.transport import tls_context
from engine.api import Engine
from engine.bootstrap.engine import open_engine
from engine.bootstrap.shared import Shared, open_shared
from engine.config import Config
from tests.config.manifest_files import load, manifest
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry

PATHS = "environments: [{name: staging}, {name: prod}]"


def config_of(folder: Path, uri: str) -> Config:
    folder.mkdir(exist_ok=True)
    rest = f"state: {{dir: {folder.parent / 'state'}}}"
    registry = f'uri: "{uri}"'
    return load(folder, manifest(registry=registry, promotion=PATHS, rest=rest))


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    config = config_of(tmp_path / "first", "oci-layout:./registry")
    with open_shared(config, several=True) as parts:
        yield parts


def opened(stack: ExitStack, folder: Path, shared: Shared, uri: str) -> Engine:
    if uri.startswith("oci-layout"):
        LayoutRegistry.create(folder / "registry")
    return stack.enter_context(open_engine(config_of(folder, uri), shared=shared))


def test_work_of_many_products_does_not_occupy_the_threads_it_waits_for(
    tmp_path: Path, shared: Shared
) -> None:
    with ExitStack() as stack:
        engines = [
            opened(stack, tmp_path / f"product-{number}", shared, "oci-layout:./registry")
            for number in range(2 * shared.threads_of_host)
        ]
        together = threading.Barrier(shared.threads_of_host)

        def look(engine: Engine) -> int:
            together.wait(60)
            return len(engine.status())

        looks = [engine.submit(look, engine) for engine in engines]
        done, running = wait(looks, 60)

    assert not running
    assert [look.result() for look in done] == [2] * len(engines)


def test_engine_that_closes_leaves_the_threads_to_the_others(
    tmp_path: Path, shared: Shared
) -> None:
    with FakeRegistry() as fake, ExitStack() as stack:
        with ExitStack() as other:
            leaving = opened(other, tmp_path / "leaving", shared, f"oci://{fake.host}/acme/a")
            leaving.status()
        staying = opened(stack, tmp_path / "staying", shared, f"oci://{fake.host}/acme/b")

        assert [row.error for row in staying.status()] == [None, None]
        assert staying.submit(len, "abc").result(60) == 3


def test_host_that_does_not_answer_delays_no_other(tmp_path: Path, shared: Shared) -> None:
    with FakeRegistry() as dead, FakeRegistry() as healthy, ExitStack() as stack:
        dead.always("GET", ".*", Reply(200, delay_seconds=60))
        dead.always("HEAD", ".*", Reply(200, delay_seconds=60))
        waiting = [
            opened(stack, tmp_path / f"dead-{number}", shared, f"oci://{dead.host}/acme/d{number}")
            for number in range(shared.threads_of_host)
        ]
        engine = opened(stack, tmp_path / "healthy", shared, f"oci://{healthy.host}/acme/h")
        hanging = [each.submit(each.status) for each in waiting]

        rows = engine.submit(engine.status).result(60)

        assert [row.error for row in rows] == [None, None]
        assert not any(each.done() for each in hanging)


def test_products_on_one_host_share_its_connections(tmp_path: Path, shared: Shared) -> None:
    with FakeRegistry() as fake:
        one = config_of(tmp_path / "one", f"oci://{fake.host}/acme/one").registry
        two = config_of(tmp_path / "two", f"oci://{fake.host}/acme/two").registry
        other = config_of(tmp_path / "three", "oci://registry.example/acme/three").registry

        assert shared.transport(one) is shared.transport(two)
        assert shared.transport(one) is not shared.transport(other)
        assert shared.threads(one) is shared.threads(two)
        assert shared.threads(one) is not shared.threads(other)


def test_authorities_are_read_once_and_again_when_their_file_changes(
    tmp_path: Path, certificate: Path
) -> None:
    file = tmp_path / "authorities.pem"
    file.write_bytes(certificate.read_bytes())
    first, again = tls_context(file, True), tls_context(file, True)
    file.write_bytes(certificate.read_bytes() * 2)

    assert first is again
    assert tls_context(file, True) is not first
    assert tls_context(None, True) is tls_context(None, True)
    assert tls_context(None, False) is not tls_context(None, True)
