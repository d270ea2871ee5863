"""Rules that stop a promotion leave no effect behind."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.environment import Environment
from engine.domain.errors import (
    ArtifactNotFoundError,
    ConflictError,
    TagExistsError,
    VersionNotPromotedError,
)
from engine.domain.plan import GateMode
from engine.domain.result import Ending, Result
from tests.builders import image
from tests.conftest import Place
from tests.peers import raw
from tests.scenarios.engines import ProgressLog, engine_on, gate, path_of, promote, promotion


def assert_nothing_was_written(place: Place, before: tuple[Tag, ...]) -> None:
    assert sorted(place.registry.tags()) == sorted(before)


def refusal(result: Result) -> tuple[type[Exception], int]:
    assert result.outcome is Ending.BLOCKED
    assert result.error is not None
    return type(result.error), result.error.exit_code


def test_published_version_needs_no_promotion_into_the_first_environment(
    place: Place, engine: Engine
) -> None:
    place.push(image(), "v1.2.0-dev")

    with pytest.raises(ArtifactNotFoundError, match="'v1.2.0-dev' already, so dev needs no promo"):
        promote(engine, "v1.2.0", "dev")


def test_missing_version_error_lists_similar_ones(place: Place, engine: Engine) -> None:
    for version in ("v1.0.0", "v1.1.0", "v1.3.0", "v2.0.0"):
        place.push(image(version.encode()), f"{version}-dev")
    place.push(image(), "v1.1.9")
    before = place.registry.tags()

    with pytest.raises(ArtifactNotFoundError) as missing:
        promote(engine, "v1.2.0", "staging")

    assert missing.value.exit_code == 3
    assert "There is no 'v1.2.0-dev'" in str(missing.value)
    assert "Nearest there: v1.0.0, v1.1.0, v1.3.0" in str(missing.value)
    assert_nothing_was_written(place, before)


def test_missing_version_error_names_where_it_is_and_the_next_command(
    place: Place, engine: Engine
) -> None:
    place.push(image(), "v1.2.0-dev")

    with pytest.raises(ArtifactNotFoundError) as missing:
        promote(engine, "v1.2.0", "prod")

    assert str(missing.value).endswith(
        "v1.2.0 is in dev. Promote it to staging first: floe platform promote v1.2.0 --to staging"
    )


def test_missing_version_error_skips_environments_with_too_long_tags(
    layout: Place, tmp_path: Path
) -> None:
    version = f"v1.2.0-{'a' * 111}"
    with engine_on(layout.registry, tmp_path, path_of("dev", "staging", "production")) as engine:
        layout.push(image(), "v1.0.0-dev")

        with pytest.raises(ArtifactNotFoundError, match=f"There is no '{version}-dev'"):
            promote(engine, version, "staging")


def test_tag_pushed_by_hand_does_not_count_as_promoted(place: Place, engine: Engine) -> None:
    place.push(image(), "v1.0.0-staging")
    before = place.registry.tags()

    result = promote(engine, "v1.0.0", "prod")

    assert refusal(result) == (VersionNotPromotedError, 11)
    assert_nothing_was_written(place, before)


def test_source_tag_moved_to_an_unpromoted_artifact_is_refused(
    place: Place, engine: Engine
) -> None:
    place.push(image(b"good"), "v1.0.0-dev")
    promote(engine, "v1.0.0", "staging")
    place.push(image(b"evil"), "v1.0.0-staging")
    before = place.registry.tags()

    result = promote(engine, "v1.0.0", "prod")

    assert refusal(result) == (TagExistsError, 10)
    assert_nothing_was_written(place, before)


def test_source_tag_moved_to_another_promoted_version_is_refused(
    place: Place, engine: Engine
) -> None:
    newer = image(b"newer")
    place.push(image(b"older"), "v1.0.0-dev")
    place.push(newer, "v2.0.0-dev")
    promote(engine, "v1.0.0", "staging")
    promote(engine, "v2.0.0", "staging")
    place.push(newer, "v1.0.0-staging")

    result = promote(engine, "v1.0.0", "prod")

    assert refusal(result) == (TagExistsError, 10)
    assert place.registry.resolve(Tag("v1.0.0-prod")) is None


def test_same_content_under_another_version_is_another_promotion(
    place: Place, engine: Engine
) -> None:
    same = image(b"the same")
    place.push(same, "v1.0.0-rc.1-dev")
    place.push(same, "v1.0.0-dev")
    promote(engine, "v1.0.0-rc.1", "staging")
    place.push(same, "v1.0.0-staging")

    result = promote(engine, "v1.0.0", "staging")

    assert (result.outcome, result.error) == (Ending.PROMOTED, None)
    assert len(engine.history("staging")) == 2


@pytest.mark.requirement("FR-002")
def test_environment_tag_never_moves(place: Place, engine: Engine) -> None:
    other = image(b"other")
    place.push(image(b"wanted"), "v1.0.0-dev")
    place.push(other, "v1.0.0-staging")
    before = place.registry.tags()

    result = promote(engine, "v1.0.0", "staging")

    assert refusal(result) == (TagExistsError, 10)
    assert place.registry.resolve(Tag("v1.0.0-staging")) == other.manifest.digest
    assert_nothing_was_written(place, before)


def test_version_promoted_before_needs_a_rollback(place: Place, engine: Engine) -> None:
    for version in ("v1.0.0", "v2.0.0"):
        place.push(image(version.encode()), f"{version}-dev")
        promote(engine, version, "staging")
    before = place.registry.tags()

    result = promote(engine, "v1.0.0", "staging")

    assert refusal(result) == (ConflictError, 10)
    assert "floe platform rollback v1.0.0 --env staging" in str(result.error)
    assert len(engine.history("staging")) == 2
    assert_nothing_was_written(place, before)


@pytest.mark.requirement("FR-003")
def test_promoting_the_running_version_does_not_repair_a_moved_latest_tag(
    place: Place, engine: Engine
) -> None:
    by_hand = image(b"by hand")
    place.push(image(b"on record"), "v1.0.0-dev")
    promote(engine, "v1.0.0", "staging")
    place.push(by_hand, "latest-staging")

    result = promote(engine, "v1.0.0", "staging")

    assert refusal(result) == (ConflictError, 10)
    assert "floe platform restore --env staging" in str(result.error)
    assert place.registry.resolve(Tag("latest-staging")) == by_hand.manifest.digest
    assert len(engine.history("staging")) == 1


@pytest.mark.requirement("FR-006")
def test_source_tag_that_moves_after_the_plan_is_refused(place: Place, engine: Engine) -> None:
    place.push(image(b"checked"), "v1.0.0-dev")
    plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog())
    place.push(image(b"swapped"), "v1.0.0-dev")
    before = place.registry.tags()

    with pytest.raises(ConflictError, match="nothing was changed"):
        engine.execute(plan, ProgressLog())

    assert_nothing_was_written(place, before)


def test_plan_lists_the_writes_and_pins_the_digest(place: Place, engine: Engine) -> None:
    artifact = image()
    place.push(artifact, "v1.0.0-dev")

    plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog())

    written = [(str(write.tag), write.digest, write.immutable) for write in plan.writes]
    digest = artifact.manifest.digest
    assert written == [("v1.0.0-staging", digest, True), ("latest-staging", digest, False)]


@pytest.mark.requirement("FR-006")
def test_gate_that_moves_the_source_tag_stops_the_promotion(
    registry_host: str,
    repository: str,
    tmp_path: Path,
    opened: Callable[..., DistributionRegistry],
) -> None:
    raw.push(registry_host, repository, image(b"checked"), "v1.0.0-dev")
    evil = image(b"evil")
    raw.push(registry_host, repository, evil, None)
    (tmp_path / "evil.json").write_bytes(evil.manifest.content)
    script = (
        "import urllib.request as r;"
        f"r.urlopen(r.Request('http://{registry_host}/v2/{repository}/manifests/v1.0.0-dev',"
        "data=open('evil.json','rb').read(),method='PUT',"
        f"headers={{'Content-Type':'{evil.manifest.media_type}'}}))"
    )
    path = path_of("dev", Environment("staging", gates=(gate(sys.executable, "-c", script),)))
    registry = opened(registry_host, repository)

    with engine_on(registry, tmp_path, path) as engine, pytest.raises(ConflictError):
        promote(engine, "v1.0.0", "staging")

    assert [str(tag) for tag in registry.tags()] == ["v1.0.0-dev"]


def test_plan_with_listed_gates_is_never_executed(place: Place, engine: Engine) -> None:
    place.push(image(), "v1.0.0-dev")
    before = place.registry.tags()
    plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog(), GateMode.LIST)

    with pytest.raises(ValueError, match="only listed"):
        engine.execute(plan, ProgressLog())

    assert_nothing_was_written(place, before)
