"""Promotions on a path with branches: every source is judged, and records say which ones."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import (
    ArtifactNotFoundError,
    PromotionError,
    RolledBackError,
    SeparationOfDutiesError,
    VersionNotPromotedError,
)
from engine.domain.path import PromotionPath
from engine.domain.record import PromotionRecord
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import audit, messages
from tests.scenarios.engines import (
    ALICE,
    BOB,
    ProgressLog,
    TickingClock,
    engine_on,
    path_of,
    person,
    promote,
)
from tests.scenarios.forging import Forger
from tests.scenarios.verbs import artifact, build_and_promote, roll_back, rollback_request

CAROL = person("carol@acme.com")
PROD = Environment(
    "prod", after=("eu", "us"), authorization=Authorization(separation_of_duties=True)
)


def regions(prod: Environment) -> PromotionPath:
    return path_of("dev", "staging", "eu", Environment("us", after=("staging",)), prod)


def opened(place: Place, folder: Path, prod: Environment) -> AbstractContextManager[Engine]:
    return engine_on(place.registry, folder, regions(prod))


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """Prod follows eu and us, and v1.0.0 is in staging."""
    with opened(place, tmp_path, PROD) as built:
        build_and_promote(place, built, "v1.0.0")
        yield built


@pytest.fixture
def either(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """Prod follows eu or us, and v1.0.0 is in staging."""
    with opened(place, tmp_path, replace(PROD, any_source=True)) as built:
        build_and_promote(place, built, "v1.0.0")
        yield built


def error(engine: Engine, operator=CAROL) -> PromotionError | None:
    return promote(engine, "v1.0.0", "prod", operator).error


def record(engine: Engine, operator=CAROL) -> PromotionRecord:
    result = promote(engine, "v1.0.0", "prod", operator)
    assert isinstance(result.record, PromotionRecord), result.error
    return result.record


def test_environments_follow_staging_independently(engine: Engine) -> None:
    assert promote(engine, "v1.0.0", "us").error is None
    assert promote(engine, "v1.0.0", "eu").error is None
    assert [row.after for row in engine.status()] == ["", "dev", "staging", "staging", "eu and us"]


def test_version_must_have_passed_every_source(engine: Engine) -> None:
    promote(engine, "v1.0.0", "eu")

    refused = error(engine)

    assert isinstance(refused, VersionNotPromotedError)
    assert str(refused) == (
        "prod takes v1.0.0 from eu and us, and us does not have it as "
        f"{engine.status('eu')[0].latest.short}: promote it there first "
        "(floe platform promote v1.0.0 --to us)"
    )
    promote(engine, "v1.0.0", "us")
    promoted = record(engine)
    assert (promoted.source_environment, promoted.sources) == ("eu", ("eu", "us"))
    assert messages(audit(engine, "prod", full=True)) == ""


def test_tag_of_other_content_in_a_source_is_refused(place: Place, engine: Engine) -> None:
    promote(engine, "v1.0.0", "eu")
    place.push(image(b"other"), "v1.0.0-us")

    assert isinstance(error(engine), VersionNotPromotedError)


def test_rollback_of_any_source_blocks(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.1.0")
    for version in ("v1.0.0", "v1.1.0"):
        promote(engine, version, "eu")
        promote(engine, version, "us")
    roll_back(engine, "v1.0.0", "us")

    refused = promote(engine, "v1.1.0", "prod", CAROL).error

    assert isinstance(refused, RolledBackError)
    assert "us was rolled back from v1.1.0" in str(refused)


def test_promoter_of_any_source_is_refused(engine: Engine) -> None:
    promote(engine, "v1.0.0", "eu", ALICE)
    promote(engine, "v1.0.0", "us", BOB)

    assert isinstance(error(engine, ALICE), SeparationOfDutiesError)
    assert isinstance(error(engine, BOB), SeparationOfDutiesError)
    assert error(engine, CAROL) is None


def test_audit_judges_every_source(place: Place, engine: Engine) -> None:
    promote(engine, "v1.0.0", "eu")
    clock = engine.runner.clock
    assert isinstance(clock, TickingClock)
    clock.time += timedelta(hours=2)

    Forger(place, engine).promote("v1.0.0", "prod", artifact("v1.0.0"), sources=("eu", "us"))

    assert "no record brought it to us" in messages(audit(engine, "prod", full=True))


def test_audit_finds_a_source_that_was_left_out(place: Place, engine: Engine) -> None:
    promote(engine, "v1.0.0", "eu")
    clock = engine.runner.clock
    assert isinstance(clock, TickingClock)
    clock.time += timedelta(hours=2)

    Forger(place, engine).promote("v1.0.0", "prod", artifact("v1.0.0"))

    assert "from eu, but its policy" in messages(audit(engine, "prod", full=True))


def test_one_source_is_enough_where_any_is(either: Engine) -> None:
    promote(either, "v1.0.0", "us", BOB)

    assert isinstance(error(either, BOB), SeparationOfDutiesError)
    promoted = record(either)

    assert (promoted.source_environment, promoted.sources) == ("us", ("us",))
    assert messages(audit(either, "prod", full=True)) == ""


def test_any_judges_each_source_that_has_the_version(place: Place, either: Engine) -> None:
    with pytest.raises(ArtifactNotFoundError, match="There is no 'v1.0.0-eu' or 'v1.0.0-us'"):
        error(either)
    promote(either, "v1.0.0", "us", BOB)
    promote(either, "v1.0.0", "eu", ALICE)

    assert isinstance(error(either, ALICE), SeparationOfDutiesError)
    assert isinstance(error(either, BOB), SeparationOfDutiesError)
    assert record(either).sources == ("eu", "us")


def test_audit_accepts_a_later_promotion_to_the_other_source(either: Engine) -> None:
    promote(either, "v1.0.0", "eu", BOB)
    record(either, ALICE)

    promote(either, "v1.0.0", "us", ALICE)

    assert messages(audit(either, "prod", full=True)) == ""


def test_audit_accepts_the_promoter_of_another_version(place: Place, either: Engine) -> None:
    place.push(artifact("v1.1.0"), "v1.1.0-rc.1-dev")
    place.push(artifact("v1.1.0"), "v1.1.0-dev")
    for target in ("staging", "us"):
        assert promote(either, "v1.1.0-rc.1", target, ALICE).error is None
    clock = either.runner.clock
    assert isinstance(clock, TickingClock)
    clock.time += timedelta(days=2)
    for target, operator in (("staging", BOB), ("eu", BOB), ("prod", ALICE)):
        assert promote(either, "v1.1.0", target, operator).error is None

    assert messages(audit(either, "prod", full=True)) == ""


def test_audit_accepts_a_source_whose_version_has_other_content(
    place: Place, tmp_path: Path
) -> None:
    """us was rolled back from the content as v0.9.0, and has another one as v1.0.0."""
    path = path_of("dev", "eu", Environment("us", after=("dev",)), replace(PROD, any_source=True))
    with engine_on(place.registry, tmp_path, path) as engine:
        for version in ("v0.1.0", "v0.9.0"):
            place.push(artifact(version), f"{version}-dev")
            assert promote(engine, version, "us").error is None
        back = replace(rollback_request(engine, "v0.1.0", "us"), quarantine=False)
        assert engine.run(back, ProgressLog()).error is None
        for content, target in (("v0.9.0", "eu"), ("other", "us")):
            place.push(artifact(content), "v1.0.0-dev")
            assert promote(engine, "v1.0.0", target).error is None
        clock = engine.runner.clock
        assert isinstance(clock, TickingClock)
        clock.time += timedelta(hours=2)

        assert error(engine) is None
        found = audit(engine, "prod", full=True)

    assert messages(found) == ""
