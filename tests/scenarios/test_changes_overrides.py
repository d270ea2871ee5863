"""
Overrides of a change are part of the approved content, and are checked again before execution.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import Change, ChangeState
from engine.domain.environment import Approvals, Environment
from engine.domain.errors import ConflictError, StaleError
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.record import PromotionRecord
from tests.conftest import Place
from tests.scenarios.changing import Stage, stage_on
from tests.scenarios.engines import BOB, path_of, promote, promotion
from tests.scenarios.verbs import artifact, release, roll_back

PROD = Environment("prod", approvals=Approvals(required=1, expires_after_seconds=3600))
ALLOWED = Overrides(allow_older=True, reason="for the old line")
OVERRIDDEN = Overrides(override_rollback=True, reason="fixed in the database")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """Staging runs v1.1.0, after v1.0.0; prod needs an approval."""
    with stage_on(place, tmp_path, path_of("dev", "staging", PROD)) as built:
        for version in ("v1.0.0", "v1.1.0"):
            place.push(artifact(version), f"{version}-dev")
            assert promote(built.engine, version, "staging").error is None
        yield built


def ask(stage: Stage, version: str, overrides: Overrides = NO_OVERRIDES) -> Change:
    who = stage.members.operator("alice")
    request = promotion(stage.engine, version, "prod", who, overrides=overrides)
    return stage.settle(stage.changes.submit(request, "cli"))


def promoted(stage: Stage, change: Change) -> PromotionRecord:
    done = stage.settle(stage.approve(change))
    assert done.state is ChangeState.PROMOTED
    record = stage.engine.history("prod", 1)[0].record
    assert isinstance(record, PromotionRecord)
    return record


def test_version_rolled_back_while_it_waits_cannot_be_approved(stage: Stage) -> None:
    asked = ask(stage, "v1.1.0")
    roll_back(stage.engine, "v1.0.0", operator=BOB)

    with pytest.raises(
        StaleError,
        match=r"its source was rolled back by bob@acme\.com .*INC-42",
    ):
        stage.approve(asked)

    assert stage.engine.history("prod") == ()


def test_version_rolled_back_after_its_approval_is_not_carried_out(stage: Stage) -> None:
    approved = stage.approve(ask(stage, "v1.1.0"))
    roll_back(stage.engine, "v1.0.0", operator=BOB)

    done = stage.settle(approved)

    assert done.state is ChangeState.STALE
    assert done.ended is not None
    assert "by bob@acme.com" in done.ended.message
    assert stage.engine.history("prod") == ()


def test_overridden_rollback_is_shown_approved_and_recorded(stage: Stage) -> None:
    roll_back(stage.engine, "v1.0.0", operator=BOB)
    assert ask(stage, "v1.1.0").state is ChangeState.BLOCKED

    asked = ask(stage, "v1.1.0", OVERRIDDEN)

    assert asked.state is ChangeState.AWAITING_APPROVAL
    assert "fixed in the database" in asked.warnings[0]
    record = promoted(stage, asked)
    assert record.overrides[0].finding == asked.warnings[0]
    assert [given.operator for given in record.approvals] == ["bob"]


def test_another_rollback_voids_an_approved_override(stage: Stage) -> None:
    roll_back(stage.engine, "v1.0.0", operator=BOB)
    approved = stage.approve(ask(stage, "v1.1.0", OVERRIDDEN))
    release(stage.engine, "v1.1.0")
    promote(stage.engine, "v1.1.0", "staging")
    roll_back(stage.engine, "v1.0.0")

    assert stage.settle(approved).state is ChangeState.STALE


def test_allowed_older_version_is_shown_with_its_impact(stage: Stage) -> None:
    promoted(stage, ask(stage, "v1.1.0"))
    assert ask(stage, "v1.0.0").state is ChangeState.BLOCKED

    asked = ask(stage, "v1.0.0", ALLOWED)

    assert asked.state is ChangeState.AWAITING_APPROVAL
    assert "v1.0.0 precedes v1.1.0" in asked.warnings[0]
    assert asked.impact is not None
    assert asked.impact.versions_undone == ("v1.1.0",)
    record = promoted(stage, asked)
    assert record.impact_analysis is not None
    assert record.overrides[0].reason == "for the old line"


def test_override_is_not_added_to_an_open_change(stage: Stage) -> None:
    asked = ask(stage, "v1.1.0")

    with pytest.raises(ConflictError, match=f"{asked.id} .* is open without --override-rollback"):
        ask(stage, "v1.1.0", OVERRIDDEN)
