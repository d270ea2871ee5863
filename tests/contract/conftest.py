"""What contracts are tested on: stores of changes, and a registry beside another one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.stores import ChangeStore
from tests.builders import Artifact, image
from tests.contract.mirrors import LAYER, REPOSITORY
from tests.contract.stores import HandClock, sqlite_store
from tests.peers.fake_registry import FakeRegistry


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
