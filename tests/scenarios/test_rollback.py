"""A rollback returns an environment to a version that it has run before."""

import json

import pytest

from engine.api import Engine
from engine.domain.errors import TagExistsError, UsageError, VersionNotPromotedError
from engine.domain.plan import Effect, GateMode
from engine.domain.record import RollbackRecord
from engine.domain.result import Ending
from tests.builders import Artifact, image
from tests.conftest import Place
from tests.scenarios.engines import ALICE, BOB, ProgressLog, promote
from tests.scenarios.verbs import (
    REASON,
    artifact,
    build_and_promote,
    kinds,
    roll_back,
    rollback_of,
    rollback_request,
)


def tags(place: Place) -> dict[str, str]:
    """Return the tags outside the ledger and their digests."""
    found = {}
    for tag in place.registry.tags():
        if not tag.name.startswith(("floe-", "sha256-")):
            found[tag.name] = str(place.registry.resolve(tag))
    return found


@pytest.mark.requirement("FR-013")
@pytest.mark.requirement("FR-014")
@pytest.mark.requirement("FR-015")
def test_latest_returns_and_no_environment_tag_moves(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    before = tags(place)

    record = rollback_of(roll_back(engine, "v1.0.0"))

    old = str(artifact("v1.0.0").manifest.digest)
    assert record.artifact_tag == "v1.0.0-staging-rollback-1"
    changed = {"v1.0.0-staging-rollback-1": old, "latest-staging": old}
    assert tags(place) == before | changed


@pytest.mark.requirement("FR-017")
def test_record_has_operator_reason_and_previous_version(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")

    made = rollback_of(roll_back(engine, "v1.0.0", operator=BOB))

    newest = engine.history("staging", 1)[0]
    assert newest.record == made
    assert (made.operator, made.reason) == ("bob@acme.com", REASON)
    assert made.previous_version == "v1.1.0"
    assert made.previous_digest == str(artifact("v1.1.0").manifest.digest)
    assert newest.state.version == "v1.0.0"
    assert newest.state.record == made.id


@pytest.mark.requirement("FR-013")
def test_any_version_promoted_before_can_be_restored(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")

    for version in ("v1.1.0", "v1.0.0", "v1.2.0"):
        assert rollback_of(roll_back(engine, version)).version == version

    assert engine.status()[1].state.version == "v1.2.0"


@pytest.mark.requirement("FR-013")
def test_version_never_promoted_there_is_refused_with_those_that_were(
    place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.2.1", "v1.2.2")
    place.push(artifact("v1.2.0"), "v1.2.0-dev")
    before = tags(place)

    with pytest.raises(VersionNotPromotedError) as refused:
        roll_back(engine, "v1.2.0")

    assert str(refused.value) == (
        "Version v1.2.0 was never promoted to staging. "
        "Available versions: v1.2.1-staging, v1.2.2-staging"
    )
    assert refused.value.exit_code == 11
    assert tags(place) == before


def test_tag_set_by_hand_is_no_rollback_target(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.1.0")
    place.push(artifact("v1.0.0"), "v1.0.0-staging")

    result = roll_back(engine, "v1.0.0")

    assert isinstance(result.error, VersionNotPromotedError)
    assert "was never promoted to" in str(result.error)
    assert kinds(engine) == ["promotion"]


def test_tag_moved_since_its_promotion_is_no_rollback_target(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    place.push(image(b"evil"), "v1.0.0-staging")

    result = roll_back(engine, "v1.0.0")

    assert isinstance(result.error, TagExistsError)
    assert result.error.exit_code == 10
    assert "audit verify --env staging" in str(result.error)
    assert tags(place)["latest-staging"] == str(artifact("v1.1.0").manifest.digest)


def test_another_version_of_the_same_content_does_not_qualify_a_tag(
    place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    place.push(artifact("v1.0.0"), "v0.9.0-staging")

    result = roll_back(engine, "v0.9.0")

    assert isinstance(result.error, VersionNotPromotedError)


def test_running_version_is_left_unchanged(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    first = rollback_of(roll_back(engine, "v1.0.0"))
    before = tags(place)

    again = roll_back(engine, "v1.0.0")

    assert (again.outcome, again.error) == (Ending.UNCHANGED, None)
    assert again.record == first
    assert tags(place) == before
    assert kinds(engine) == ["promotion", "promotion", "rollback"]


@pytest.mark.requirement("FR-007")
def test_dry_run_lists_the_writes_and_makes_none(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    before = sorted(place.registry.tags())

    plan = engine.plan(rollback_request(engine, "v1.0.0"), ProgressLog(), GateMode.LIST)

    assert plan.error is None
    assert plan.effect is Effect.CHANGE
    assert [str(write.tag) for write in plan.writes] == [
        "v1.0.0-staging-rollback-1",
        "latest-staging",
    ]
    assert sorted(place.registry.tags()) == before


def with_content(**fields: object) -> Artifact:
    content = json.dumps(fields).encode()
    return image(content, layer_type="application/json")


@pytest.mark.requirement("FR-016")
def test_dry_run_shows_the_impact(place: Place, engine: Engine) -> None:
    old = with_content(limits={"memory": 512}, products=[{"name": "billing"}])
    new = with_content(limits={"memory": "1Gi"}, config={"x": 1}, products=[{"name": "billing"}])
    for version, pushed in (("v1.0.0", old), ("v1.1.0", new)):
        place.push(pushed, f"{version}-dev")
        promote(engine, version, "staging")

    plan = engine.plan(rollback_request(engine, "v1.0.0"), ProgressLog(), GateMode.LIST)

    assert plan.impact is not None
    changes = "\n".join(plan.impact.breaking_changes)
    assert "Removed field: config" in changes
    assert "Changed type: limits.memory (str -> int)" in changes
    assert "billing" in "\n".join(plan.impact.affected_products)
    assert plan.impact.versions_undone == ("v1.1.0",)
    assert plan.impact.seconds_undone is not None


@pytest.mark.requirement("FR-016")
def test_impact_omits_versions_undone_before(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0", "v1.2.0")
    roll_back(engine, "v1.1.0")

    record = rollback_of(roll_back(engine, "v1.0.0"))

    assert record.impact_analysis is not None
    assert record.impact_analysis.versions_undone == ("v1.1.0",)


def test_promotion_after_a_rollback_continues_from_there(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0")

    build_and_promote(place, engine, "v1.2.0")

    assert engine.status()[1].state.version == "v1.2.0"
    again = rollback_of(roll_back(engine, "v1.0.0"))
    assert again.artifact_tag == "v1.0.0-staging-rollback-2"
    assert again.previous_version == "v1.2.0"


def test_reasons_are_stored_verbatim(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    reasons = ["[1]", '{"a": "b"}', "null", "a\nb\x1b[2J\u202eevil\x00", "ünïcödé 🚀", "'; --"]

    for reason, version in zip(reasons, ["v1.0.0", "v1.1.0"] * 3, strict=True):
        request = rollback_request(engine, version)
        engine.run(
            type(request)(request.version, "staging", ALICE, "1" * 32, reason), ProgressLog()
        )

    records = [entry.record for entry in engine.history("staging", len(reasons))]
    kept = [record.reason for record in records if isinstance(record, RollbackRecord)]
    assert kept[::-1] == reasons


def test_rollback_without_a_history_is_refused(engine: Engine) -> None:
    with pytest.raises(VersionNotPromotedError) as refused:
        roll_back(engine, "v1.0.0")

    assert str(refused.value).endswith("Available versions: none")


def test_unknown_environment_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError) as refused:
        roll_back(engine, "v1.0.0", "production")

    assert "Environments: dev, staging, prod" in str(refused.value)
