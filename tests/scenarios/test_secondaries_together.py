"""Concurrent copies to several registries and of several changes end in the same state."""

import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import ConflictError
from engine.domain.result import Ending
from tests.builders import image
from tests.conftest import Place
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import Reply, Request
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import promote
from tests.scenarios.mirrored import mirrored_engine, outcomes
from tests.scenarios.verbs import artifact
from tests.secondaries.mirrors import Opened, mirror_to

REPOSITORY = "acme/platform"
# Long enough for a busy machine, and not reached in a passing test.
PATIENCE_SECONDS = 30


class Meeting(FakeRegistry):
    """Answers a blob check only once `barrier` has as many requests as parties."""

    barrier: threading.Barrier | None = None

    def respond(self, request: Request) -> Reply:
        if self.barrier is not None and request.method == "HEAD" and "/blobs/" in request.path:
            # Requests are answered one by one, and this one waits for the next.
            self._lock.release()
            try:
                self.barrier.wait(PATIENCE_SECONDS)
            except threading.BrokenBarrierError:
                return Reply(400)
            finally:
                self._lock.acquire()
        return super().respond(request)


@contextmanager
def meeting(barrier: threading.Barrier) -> Iterator[Meeting]:
    with Meeting() as running:
        running.barrier = barrier
        yield running


@pytest.mark.requirement("FR-028")
def test_registries_are_copied_to_concurrently(place: Place, tmp_path: Path, opened: Opened):
    # One blob: each registry answers its blob check only when the other one was asked too.
    place.push(image(b"{}"), "v1.0.0-dev")
    barrier = threading.Barrier(2)

    with meeting(barrier) as one, meeting(barrier) as two:
        targets = [opened(each.host, timeout_seconds=60) for each in (one, two)]
        with mirrored_engine(place.registry, tmp_path, *targets) as engine:
            manifest = place.registry.fetch(Tag("v1.0.0-dev"))
            copies = engine.runner.secondaries.prepare(manifest)

    assert [each.status for each in copies.outcomes] == ["synced", "synced"]


@pytest.mark.requirement("FR-028")
def test_blobs_of_one_artifact_are_copied_concurrently(
    place: Place, tmp_path: Path, opened: Opened
):
    several = image(b"one", b"two")
    place.push(several, "v1.0.0-dev")

    with meeting(threading.Barrier(3)) as secondary:
        target = opened(secondary.host, timeout_seconds=60)
        mirror_to(place.registry, target).copy(several.manifest)

        assert len(secondary.repository(REPOSITORY).blobs) == 3


@pytest.mark.requirement("FR-030")
def test_hanging_secondary_delays_a_promotion_by_one_timeout(
    place: Place, tmp_path: Path, fake: FakeRegistry, opened: Opened
):
    place.push(image(*(f"{number}".encode() for number in range(40))), "v1.0.0-dev")
    for method in ("GET", "HEAD", "PUT", "POST"):
        fake.always(method, "/", Reply(404, delay_seconds=30))
    hanging, disk = opened(fake.host, timeout_seconds=0.5), tmp_path / "disk"

    with mirrored_engine(place.registry, tmp_path, hanging, disk) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.PROMOTED
    assert outcomes(result) == [(hanging.reference, "failed"), (str(disk), "synced")]
    # Requests in flight at the timeout; no further ones, and none for the tags.
    assert len(fake.requests) <= 12


def test_secondary_without_space_is_a_warning(place: Place, tmp_path: Path, opened: Opened):
    place.push(image(b"x" * 400_000), "v1.0.0-dev")
    with docker_registry(tmp_path) as full:
        limit = 64 * 1024
        resource.prlimit(full.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        target = opened(full.host, timeout_seconds=10)
        with mirrored_engine(place.registry, tmp_path, target) as engine:
            result = promote(engine, "v1.0.0", "staging")

        assert result.outcome is Ending.PROMOTED
        assert outcomes(result) == [(target.reference, "failed")]
        assert target.tags() == ()


@pytest.mark.requirement("FR-029")
def test_simultaneous_changes_leave_a_secondary_like_the_primary(place: Place, tmp_path: Path):
    versions = [f"v1.0.{number}" for number in range(5)]
    for version in versions:
        place.push(artifact(version), f"{version}-dev")
    disk = tmp_path / "disk"

    with mirrored_engine(place.registry, tmp_path, disk) as engine:
        with ThreadPoolExecutor(len(versions)) as pool:
            for ended in [pool.submit(promote, engine, v, "staging") for v in versions]:
                try:
                    assert ended.result().warnings == ()
                except ConflictError:
                    continue
        head = engine.runner.ledger.head("staging")

    there = LayoutRegistry(disk)
    latest = Tag("latest-staging")
    assert there.resolve(latest) == place.registry.resolve(latest)
    assert RegistryLedger(there).head("staging") == head
    assert len(list(RegistryLedger(there).walk("staging"))) == head.sequence
