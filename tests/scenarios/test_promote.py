"""A promotion moves a version one step along the path, and leaves its record."""

import pytest

from engine.api import Engine
from engine.domain.result import Ending
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import promote


@pytest.mark.requirement("FR-001")
def test_a_version_moves_one_step_forward(place: Place, engine: Engine) -> None:
    place.push(image(), "v1.0.0-dev")

    result = promote(engine, "v1.0.0", "staging")

    assert (result.outcome, result.error) == (Ending.PROMOTED, None)
