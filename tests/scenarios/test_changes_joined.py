"""A request joins an open change only if the operator may make it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import Change, ChangeState
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import ConflictError
from engine.domain.parsing import parse_rollback_request
from engine.execution.refusals import attempt_of_change
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import APPROVERS, Stage, guarded, stage_on
from tests.scenarios.engines import TRACE_ID, path_of, promotion

pytestmark = pytest.mark.requirement("FR-046")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    dual_control = Environment(
        "prod",
        authorization=Authorization(separation_of_duties=True),
        approvals=Approvals(required=1, groups=frozenset({APPROVERS})),
    )
    with stage_on(place, tmp_path, path_of("dev", guarded(), dual_control)) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def submit(
    stage: Stage, who: str, *, version: str = "v1.0.0", target: str = "staging", key: str = ""
) -> Change:
    request = promotion(stage.engine, version, target, stage.members.operator(who))
    return stage.changes.submit(request, "cli", key or None)


def test_operator_without_rights_does_not_join_an_open_change(stage: Stage) -> None:
    open_change = stage.ask()

    refused = submit(stage, "carol")

    assert refused.id != open_change.id
    assert refused.state is ChangeState.BLOCKED
    assert refused.ended.exit_code == 12
    assert "Operator 'carol' is not authorized to promote to 'staging'" in refused.ended.message
    assert attempt_of_change(refused).refusals.keys() == {"authorization"}
    assert stage.changes.get(open_change.id) == open_change


def test_idempotency_key_of_an_open_change_gives_no_rights(stage: Stage) -> None:
    open_change = submit(stage, "alice", key="run-1")

    refused = submit(stage, "carol", key="run-1")
    again = submit(stage, "carol", key="run-1")

    assert refused.id != open_change.id
    assert refused.ended.exit_code == 12
    assert again.id == refused.id
    assert submit(stage, "alice", key="run-1").id == open_change.id


def test_operator_who_lost_the_right_is_refused_under_their_own_key(stage: Stage) -> None:
    submit(stage, "alice", key="run-1")
    stage.members.dismiss("developers")

    refused = submit(stage, "alice", key="run-1")

    assert refused.ended.exit_code == 12


def test_refused_change_cannot_be_joined(stage: Stage) -> None:
    refused = submit(stage, "carol")

    asked = stage.ask(who="alice")

    assert asked.id != refused.id
    assert asked.state is ChangeState.AWAITING_APPROVAL


def test_authorized_operator_joins_an_open_change(stage: Stage) -> None:
    open_change = stage.ask(who="alice")

    assert submit(stage, "dave").id == open_change.id


def test_joining_does_not_bypass_separation_of_duties(stage: Stage) -> None:
    stage.settle(stage.approve(stage.ask(who="dave")))
    open_change = stage.ask(target="prod", who="alice")

    refused = submit(stage, "dave", target="prod", key="run-2")

    assert open_change.state is ChangeState.AWAITING_APPROVAL
    assert refused.id != open_change.id
    assert refused.ended.reason_code == "separation_of_duties"
    assert attempt_of_change(refused).refusals.keys() == {"separation_of_duties"}
    assert submit(stage, "dave", target="prod", key="run-2").ended.exit_code == 12


@pytest.mark.parametrize("quarantine", [True, False])
def test_rollback_without_a_quarantine_is_another_request(stage: Stage, quarantine: bool) -> None:
    stage.place.push(image(b"two"), "v1.1.0-dev")
    for version in ("v1.0.0", "v1.1.0"):
        stage.settle(stage.approve(stage.settle(submit(stage, "alice", version=version))))
    guarded_rollback(stage, "alice", quarantine=quarantine)

    with pytest.raises(ConflictError) as caught:
        guarded_rollback(stage, "dave", quarantine=not quarantine)

    assert f"open {'without' if quarantine else 'with'} --no-quarantine: cancel it first" in str(
        caught.value
    )


def guarded_rollback(stage: Stage, who: str, *, quarantine: bool) -> Change:
    request = parse_rollback_request(
        stage.engine.path,
        "v1.0.0",
        "staging",
        stage.members.operator(who),
        TRACE_ID,
        "slow",
        quarantine=quarantine,
    )
    return stage.changes.submit(request, "cli")
