"""An environment goes to an older version only by a rollback or with an override."""

import pytest

from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.errors import ConflictError, OlderVersionError, UsageError
from engine.domain.overrides import Overrides
from engine.domain.plan import GateMode
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import BOB, ProgressLog, promote, promotion
from tests.scenarios.verbs import artifact, build_and_promote, kinds, release, roll_back

ALLOWED = Overrides(allow_older=True, reason="customers on the old line")


def test_older_version_never_promoted_there_is_refused(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.1.0")
    place.push(artifact("v1.0.9"), "v1.0.9-dev")

    result = promote(engine, "v1.0.9", "staging")

    assert isinstance(result.error, OlderVersionError)
    assert result.error.exit_code == 10
    assert str(result.error) == (
        "v1.0.9 precedes v1.1.0, which staging runs. To promote it all the same: floe platform "
        "promote v1.0.9 --to staging --allow-older --reason …"
    )
    assert place.registry.resolve(Tag("v1.0.9-staging")) is None


def test_older_version_promoted_before_is_a_rollback(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")

    result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.error, ConflictError)
    assert "floe platform rollback v1.0.0 --env staging --reason …" in str(result.error)
    assert "--allow-older" not in str(result.error)


def test_override_does_not_repeat_an_older_promotion(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")

    result = promote(engine, "v1.0.0", "staging", overrides=ALLOWED)

    assert "floe platform rollback v1.0.0 --env staging" in str(result.error)


def test_allowed_older_version_is_recorded_with_requester_reason_and_impact(
    place: Place, engine: Engine
) -> None:
    place.push(image(b'{"limits": 2}', layer_type="application/json"), "v1.1.0-dev")
    promote(engine, "v1.1.0", "staging")
    place.push(image(b"{}", layer_type="application/json"), "v1.0.9-dev")

    result = promote(engine, "v1.0.9", "staging", BOB, ALLOWED)

    record = result.record
    assert result.outcome is Ending.PROMOTED
    assert isinstance(record, PromotionRecord)
    assert [(each.rule, each.reason) for each in record.overrides] == [
        ("version order", "customers on the old line")
    ]
    assert "bob@acme.com allows it (--allow-older)" in record.overrides[0].finding
    assert record.impact_analysis is not None
    assert record.impact_analysis.versions_undone == ("v1.1.0",)
    assert record.impact_analysis.breaking_changes == ("Removed field: limits",)
    assert result.warnings == (record.overrides[0].finding,)
    assert engine.history("staging", 1)[0].record == record


def test_unneeded_override_is_not_recorded(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0")
    place.push(artifact("v1.1.0"), "v1.1.0-dev")

    record = promote(engine, "v1.1.0", "staging", overrides=ALLOWED).record

    assert isinstance(record, PromotionRecord)
    assert (record.overrides, record.impact_analysis, record.warnings) == ((), None, ())


@pytest.mark.parametrize(
    "overrides", [Overrides(allow_older=True), Overrides(override_rollback=True, reason="  ")]
)
def test_override_needs_a_reason(engine: Engine, overrides: Overrides) -> None:
    with pytest.raises(UsageError, match="reason is empty"):
        promotion(engine, "v1.0.0", "staging", overrides=overrides)


def test_reason_without_an_override_is_refused(engine: Engine) -> None:
    with pytest.raises(
        UsageError, match="only with --allow-older, --override-rollback or --break-glass"
    ):
        promotion(engine, "v1.0.0", "staging", overrides=Overrides(reason="because"))


def test_going_forward_again_after_a_rollback_is_a_promotion(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    first = engine.history("staging", 1)[0].record
    roll_back(engine, "v1.0.0")
    release(engine, "v1.1.0")

    result = promote(engine, "v1.1.0", "staging", BOB)

    record = result.record
    assert result.outcome is Ending.PROMOTED
    assert isinstance(record, PromotionRecord)
    assert record.id != first.id
    assert record.operator == "bob@acme.com"
    assert (record.overrides, record.warnings) == ((), ())
    assert kinds(engine) == ["promotion", "promotion", "rollback", "release", "promotion"]
    assert place.registry.resolve(Tag("latest-staging")) == artifact("v1.1.0").manifest.digest
    assert promote(engine, "v1.1.0", "staging").outcome is Ending.UNCHANGED


def test_dry_run_shows_the_impact_of_an_allowed_older_version(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.1.0")
    place.push(artifact("v1.0.9"), "v1.0.9-dev")

    asked = promotion(engine, "v1.0.9", "staging", overrides=ALLOWED)
    plan = engine.plan(asked, ProgressLog(), GateMode.LIST)

    assert plan.error is None
    assert plan.impact is not None
    assert plan.impact.versions_undone == ("v1.1.0",)
