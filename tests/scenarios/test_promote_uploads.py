"""An upload is opened before the run knows whether it has a record to write."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.errors import ArtifactNotFoundError, EnvironmentLockedError
from engine.domain.result import Ending, Result
from tests.builders import image
from tests.peers import raw
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, oci_error
from tests.scenarios.engines import engine_on, promote
from tests.scenarios.shaky import shaky_engine
from tests.scenarios.verbs import lock

REPOSITORY = "acme/platform"
Opened = Callable[..., DistributionRegistry]


def blocked(engine: Engine) -> Result:
    lock(engine)
    return promote(engine, "v1.0.0", "staging")


def unchanged(engine: Engine) -> Result:
    promote(engine, "v1.0.0", "staging")
    return promote(engine, "v1.0.0", "staging")


def open_uploads(folder: Path) -> list[Path]:
    """List open uploads; docker-registry keeps the folder of an ended one, without `startedat`."""
    uploads = folder / f"storage/docker/registry/v2/repositories/{REPOSITORY}/_uploads"
    return list(uploads.rglob("startedat"))


@pytest.mark.parametrize("run", [blocked, unchanged])
def test_run_without_a_record_leaves_no_open_upload(
    run: Callable[[Engine], Result], opened: Opened, tmp_path: Path
) -> None:
    with docker_registry(tmp_path) as running:
        raw.push(running.host, REPOSITORY, image(), "v1.0.0-dev")

        with engine_on(opened(running.host, REPOSITORY), tmp_path) as engine:
            result = run(engine)

    assert result.outcome in (Ending.BLOCKED, Ending.UNCHANGED)
    assert open_uploads(tmp_path) == []


def test_run_with_a_missing_version_leaves_no_open_upload(opened: Opened, tmp_path: Path) -> None:
    with docker_registry(tmp_path) as running:
        raw.push(running.host, REPOSITORY, image(), "v1.0.0-dev")

        registry = opened(running.host, REPOSITORY)
        with engine_on(registry, tmp_path) as engine, pytest.raises(ArtifactNotFoundError):
            promote(engine, "v9.0.0", "staging")

    assert open_uploads(tmp_path) == []


@pytest.mark.parametrize(
    "answer",
    [Reply(404), Reply(405), Reply(500), oci_error(403, "DENIED")],
    ids=["404", "405", "500", "403"],
)
def test_registry_that_cannot_cancel_uploads_changes_no_result(
    fake: FakeRegistry, tmp_path: Path, answer: Reply
) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0-dev")
    fake.always("DELETE", "/uploads/", answer)

    with shaky_engine(fake, tmp_path) as shaky:
        result = blocked(shaky.engine)

    assert isinstance(result.error, EnvironmentLockedError)
    assert fake.seen("DELETE")


def test_registry_that_refuses_uploads_still_gets_all_blockers_listed(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0-dev")

    with shaky_engine(fake, tmp_path) as shaky:
        lock(shaky.engine)
        fake.always("POST", "/uploads/", oci_error(403, "DENIED"))
        result = promote(shaky.engine, "v1.0.0", "staging")

    assert isinstance(result.error, EnvironmentLockedError)
    assert fake.seen("DELETE") == []
