"""A version promoted to an environment keeps its content there, for any state of its tags."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.errors import PromotionError, TagExistsError
from engine.domain.plan import GateMode
from engine.domain.result import Ending, Result
from tests.builders import image
from tests.conftest import Place
from tests.peers import raw
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import BOB, ProgressLog, engine_on, promote, promotion
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import artifact, build_and_promote, kinds, roll_back, rollback_of

REPOSITORY = "acme/platform"
OTHER = image(b"other content")


def cleaned_up(place: Place, version: str) -> None:
    """Remove the tag of `version` in staging, like the retention rule of a registry."""
    hand = Hand(place)
    tag = f"{version}-staging"
    if hand.root:
        hand.remove_tag(tag)
    else:
        hand.remove_manifest(tag)
    assert place.registry.resolve(Tag(tag)) is None


def conflict(result: Result) -> PromotionError:
    assert result.outcome is Ending.BLOCKED
    assert isinstance(result.error, TagExistsError)
    assert result.error.exit_code == 10
    return result.error


def assert_names_both(error: PromotionError, place: Place, engine: Engine) -> None:
    """Assert that the error names both digests, and version, time and operator of the record."""
    record = engine.history("staging", 50)[-1].record
    assert artifact("v1.0.0").manifest.digest.short in str(error)
    assert OTHER.manifest.digest.short in str(error)
    assert record.id in str(error)
    assert "by bob@acme.com" in str(error)
    assert f"{record.at:%Y-%m-%d %H:%M:%S} UTC" in str(error)
    assert error.details["recorded"] == str(artifact("v1.0.0").manifest.digest)
    assert error.details["found"] == str(OTHER.manifest.digest)


@pytest.mark.parametrize("later", [(), ("v1.1.0",)], ids=["running", "moved on"])
def test_other_content_of_a_version_is_refused_after_its_tag_was_cleaned_up(
    place: Place, engine: Engine, later: tuple[str, ...]
) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=BOB)
    build_and_promote(place, engine, *later)
    cleaned_up(place, "v1.0.0")
    place.push(OTHER, "v1.0.0-dev")

    result = promote(engine, "v1.0.0", "staging")

    assert_names_both(conflict(result), place, engine)
    assert place.registry.resolve(Tag("v1.0.0-staging")) is None
    assert kinds(engine) == ["promotion"] * (1 + len(later))


def test_other_content_under_a_tag_set_again_is_refused(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=BOB)
    build_and_promote(place, engine, "v1.1.0")
    place.push(OTHER, "v1.0.0-dev")
    place.push(OTHER, "v1.0.0-staging")

    result = promote(engine, "v1.0.0", "staging")

    assert_names_both(conflict(result), place, engine)
    assert kinds(engine) == ["promotion"] * 2


def test_dry_run_refuses_other_content_too(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=BOB)
    cleaned_up(place, "v1.0.0")
    place.push(OTHER, "v1.0.0-dev")

    plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog(), GateMode.LIST)

    assert isinstance(plan.error, TagExistsError)


def test_other_content_is_not_promoted_out_of_its_environment(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=BOB)
    place.push(OTHER, "v1.0.0-staging")

    result = promote(engine, "v1.0.0", "prod")

    assert_names_both(conflict(result), place, engine)
    assert engine.history("prod") == ()


@pytest.mark.parametrize("later", [(), ("v1.1.0",)], ids=["running", "moved on"])
def test_other_content_does_not_leave_the_first_environment_where_it_was_promoted(
    place: Place, engine: Engine, later: tuple[str, ...]
) -> None:
    for version in ("v1.0.0", *later):
        place.push(artifact(version), version)
        assert promote(engine, version, "dev", BOB).error is None
    place.push(OTHER, "v1.0.0-dev")

    result = promote(engine, "v1.0.0", "staging")

    error = conflict(result)
    assert "v1.0.0 was promoted to dev as" in str(error)
    assert engine.history("staging") == ()


def test_build_may_republish_an_unpromoted_version(place: Place, engine: Engine) -> None:
    place.push(artifact("v1.0.0"), "v1.0.0")
    assert promote(engine, "v1.0.0", "dev").error is None
    place.push(image(b"first try"), "v1.1.0-dev")
    place.push(OTHER, "v1.1.0-dev")

    result = promote(engine, "v1.1.0", "staging")

    assert result.outcome is Ending.PROMOTED


def test_rollback_to_other_content_is_refused(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=BOB)
    build_and_promote(place, engine, "v1.1.0")
    place.push(OTHER, "v1.0.0-staging")

    result = roll_back(engine, "v1.0.0")

    error = conflict(result)
    assert_names_both(error, place, engine)
    assert "audit verify --env staging" in str(error)


def test_rollback_is_possible_after_the_tag_was_cleaned_up(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path) as engine:
        build_and_promote(layout, engine, "v1.0.0", "v1.1.0")
        cleaned_up(layout, "v1.0.0")

        record = rollback_of(roll_back(engine, "v1.0.0"))

    assert record.artifact_digest == str(artifact("v1.0.0").manifest.digest)
    assert layout.registry.resolve(Tag("latest-staging")) == artifact("v1.0.0").manifest.digest


def test_cleaned_up_content_is_named(
    registry_host: str, repository: str, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    registry = opened(registry_host, repository)
    place = Place(registry, lambda made, tag: raw.push(registry_host, repository, made, tag))
    with engine_on(registry, tmp_path) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        cleaned_up(place, "v1.0.0")

        with pytest.raises(PromotionError, match="no longer in the registry") as gone:
            roll_back(engine, "v1.0.0")

    assert gone.value.exit_code == 5
    assert artifact("v1.0.0").manifest.digest.short in str(gone.value)


def test_new_version_costs_no_search_at_any_length_of_the_history(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    def requests(version: str) -> int:
        fake.hold(REPOSITORY, image(version.encode()), f"{version}-dev")
        fake.requests.clear()
        with engine_on(opened(fake.host), tmp_path) as engine:
            assert promote(engine, version, "staging").error is None
        return len(fake.requests)

    first, *_, last = [requests(f"v1.{n}.0") for n in range(30)]

    # The index of the new entry is made from a few earlier ones.
    assert last <= first + 4
