"""A starting server completes runs that died before `latest` moved (NFR-004)."""

import pytest

from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.status import Alignment
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import promote

pytestmark = pytest.mark.requirement("NFR-004")
OLD, NEW = image(b"old"), image(b"new")


@pytest.fixture
def interrupted(place: Place, engine: Engine) -> Engine:
    """v2.0.0 is committed to staging, whose latest tag is still that of v1.0.0."""
    place.push(OLD, "v1.0.0-dev")
    place.push(NEW, "v2.0.0-dev")
    promote(engine, "v1.0.0", "staging")
    promote(engine, "v2.0.0", "staging")
    place.push(OLD, "latest-staging")
    assert engine.status()[1].alignment is Alignment.COMPLETING
    return engine


def test_latest_moves_without_another_record(interrupted: Engine) -> None:
    completed = interrupted.complete_interrupted()

    assert completed == ("staging",)
    assert interrupted.runner.registry.resolve(Tag("latest-staging")) == NEW.manifest.digest
    assert len(interrupted.history("staging")) == 2
    assert interrupted.complete_interrupted() == ()


def test_tag_moved_outside_floe_is_left_alone(place: Place, interrupted: Engine) -> None:
    place.push(image(b"another"), "latest-staging")

    assert interrupted.complete_interrupted() == ()
    assert interrupted.status()[1].alignment is Alignment.DRIFTED


def test_unreadable_environment_does_not_stop_the_others(place: Place, interrupted: Engine) -> None:
    place.push(image(b"no ledger"), "floe-head.dev")

    assert interrupted.complete_interrupted() == ("staging",)
