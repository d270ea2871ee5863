"""Fixtures of the tests of secondary registries."""

from collections.abc import Iterator

import pytest

from tests.builders import Artifact, image
from tests.peers.fake_registry import FakeRegistry
from tests.secondaries.mirrors import LAYER, REPOSITORY


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
