"""Fixtures of the scenarios: an engine on each kind of registry, and a tampering client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import promote_versions
from tests.scenarios.claiming import claims_in
from tests.scenarios.engines import engine_on, with_parts
from tests.scenarios.logins import REPOSITORY
from tests.scenarios.tampering import Hand


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """An engine on `place`, with the path dev -> staging -> prod and no rules."""
    with engine_on(place.registry, tmp_path) as built:
        yield built


@pytest.fixture
def hand(place: Place, engine: Engine) -> Hand:
    """A client with write access to a registry with five promotions to staging."""
    promote_versions(place, engine)
    return Hand(place)


@pytest.fixture
def layout(tmp_path: Path) -> Place:
    """A layout, for changes that no registry server allows."""
    root = tmp_path / "registry"
    registry = LayoutRegistry.create(root)
    return Place(registry, lambda artifact, tag: oci_layout.write(root, artifact, tag))


@pytest.fixture
def held(fake: FakeRegistry) -> FakeRegistry:
    """A registry without authentication, with v1.0.0 in it."""
    fake.hold(REPOSITORY, image(), "v1.0.0")
    return fake


@pytest.fixture
def shared(place: Place, engine: Engine, tmp_path: Path) -> Engine:
    """An engine whose claims are in a database; v1.0.1 to v1.0.3 are built."""
    for number in (1, 2, 3):
        place.push(image(str(number).encode()), f"v1.0.{number}-dev")
    return with_parts(engine, claims=claims_in(tmp_path, place))
