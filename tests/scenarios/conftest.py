"""What scenarios share: an engine on every kind of registry in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api import Engine
from tests.conftest import Place
from tests.scenarios.engines import engine_on


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """On `place`, along dev -> staging -> prod without rules."""
    with engine_on(place.registry, tmp_path) as built:
        yield built
