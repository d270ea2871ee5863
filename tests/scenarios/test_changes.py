"""Changes with approvals: requested, approved by another person, and carried out once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.domain.artifact import Tag
from engine.domain.change import Change, ChangeState
from engine.domain.errors import AuthorizationError, ChangeClosedError, UsageError
from engine.domain.record import PromotionRecord, RejectionRecord
from engine.domain.result import Ending
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.engines import ProgressLog, path_of, promotion


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    with stage_on(place, tmp_path) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        place.push(image(b"two"), "v2.0.0-dev")
        yield built


def newest(stage: Stage) -> PromotionRecord:
    [entry] = stage.engine.history("staging", 1)
    assert isinstance(entry.record, PromotionRecord)
    return entry.record


@pytest.mark.requirement("SL-003")
def test_another_person_approves_and_the_record_says_so(stage):
    asked = stage.ask()

    assert asked.state is ChangeState.AWAITING_APPROVAL
    assert stage.tags() == {"v1.0.0-dev", "v2.0.0-dev"}
    assert stage.progress.finished

    done = stage.settle(stage.approve(asked))

    assert done.state is ChangeState.PROMOTED
    assert done.record_id == newest(stage).id
    [approval] = newest(stage).approvals
    assert (approval.operator, approval.authorized_via) == ("bob", "group release-managers")
    assert newest(stage).operator == "alice"
    assert stage.engine.runner.registry.resolve(Tag("latest-staging")) is not None


def test_gates_run_once_and_not_again_after_approval(stage):
    asked = stage.ask()
    ran = len(stage.progress.finished)

    stage.settle(stage.approve(asked))

    assert len(stage.progress.finished) == ran == 1
    assert newest(stage).gate_results == asked.gate_results


@pytest.mark.parametrize("name", ["alice", "alice@phone"])
def test_requester_cannot_approve_under_any_name(stage, name):
    asked = stage.ask()

    with pytest.raises(AuthorizationError, match="requested"):
        stage.approve(asked, name)
    assert stage.changes.get(asked.id).approvals == ()


@pytest.mark.parametrize("name", ["dave", "mallory"])
def test_person_outside_the_group_cannot_approve(stage, name):
    asked = stage.ask()

    with pytest.raises(AuthorizationError, match=r"Required groups: \[release-managers\]"):
        stage.approve(asked, name)


def test_unverified_person_cannot_approve(stage):
    asked = stage.ask()
    nobody = stage.members.operator("bob")
    nobody = type(nobody)("os:bob", "os:bob", nobody.source, verified=False, groups=nobody.groups)

    with pytest.raises(AuthorizationError, match="not verified"):
        stage.changes.approve(asked.id, nobody, "cli")


def test_two_required_approvals_need_two_people(place, tmp_path):
    with stage_on(place, tmp_path, path_of("dev", guarded(required=2))) as stage:
        place.push(image(b"one"), "v1.0.0-dev")
        asked = stage.ask()

        once = stage.approve(asked, "bob")
        with pytest.raises(AuthorizationError, match="already approved"):
            stage.approve(asked, "bob")
        done = stage.settle(stage.approve(asked, "carol"))

    assert once.state is ChangeState.AWAITING_APPROVAL
    assert once.missing_approvals == 1
    assert done.state is ChangeState.PROMOTED
    assert [given.operator for given in done.approvals] == ["bob", "carol"]


def test_approver_without_configured_groups_must_be_authorized(place, tmp_path):
    with stage_on(place, tmp_path, path_of("dev", guarded(groups=None))) as stage:
        place.push(image(b"one"), "v1.0.0-dev")
        asked = stage.ask()

        with pytest.raises(AuthorizationError):
            stage.approve(asked, "bob")
        assert stage.settle(stage.approve(asked, "dave")).state is ChangeState.PROMOTED


@pytest.mark.requirement("SL-005")
def test_fifty_simultaneous_clicks_have_one_effect(stage):
    asked = stage.ask()

    def click(_: int) -> str:
        try:
            return stage.settle(stage.approve(asked, "bob")).state.value
        except (AuthorizationError, ChangeClosedError):
            return "refused"

    with ThreadPoolExecutor(50) as pool:
        ends = list(pool.map(click, range(50)))

    assert "promoted" in ends
    assert set(ends) <= {"promoted", "refused"}
    kinds = [entry.record.kind for entry in stage.engine.history("staging", 100)]
    assert kinds == ["promotion"]


def test_repeated_request_returns_the_same_change(stage):
    assert stage.ask().id == stage.ask(who="dave").id


def test_idempotency_key_identifies_one_change(stage):
    request = promotion(stage.engine, "v1.0.0", "staging", stage.members.operator("alice"))

    one = stage.changes.submit(request, "slack", "key-1")
    ended = stage.settle(stage.approve(stage.settle(one)))
    again = stage.changes.submit(request, "slack", "key-1")

    assert again.id == one.id
    assert again.state is ended.state is ChangeState.PROMOTED


def test_newer_version_supersedes_the_waiting_one_and_says_so(stage):
    older = stage.ask("v1.0.0")

    newer = stage.ask("v2.0.0", who="dave")

    older = stage.changes.get(older.id)
    assert older.state is ChangeState.SUPERSEDED
    assert older.superseded_by == newer.id
    assert "v2.0.0 was asked for by dave" in older.ended.message
    [warning] = stage.changes.get(newer.id).warnings
    assert f"Change {older.id} is superseded: v1.0.0, requested by alice" in warning
    with pytest.raises(ChangeClosedError):
        stage.approve(older)


def test_older_request_checked_later_is_superseded(stage):
    operator = stage.members.operator("alice")
    older = stage.changes.submit(promotion(stage.engine, "v1.0.0", "staging", operator), "cli")
    newer = stage.ask("v2.0.0")

    older = stage.settle(older)

    assert older.state is ChangeState.SUPERSEDED
    assert stage.changes.get(newer.id).state is ChangeState.AWAITING_APPROVAL


def test_rejection_needs_another_person_and_is_recorded_in_the_ledger(stage):
    asked = stage.ask()

    with pytest.raises(AuthorizationError):
        stage.changes.reject(asked.id, stage.members.operator("alice"), "no", "cli")
    rejected = stage.changes.reject(asked.id, stage.members.operator("bob"), "not today", "web")

    assert rejected.state is ChangeState.REJECTED
    [entry] = stage.engine.history("staging", 10)
    assert isinstance(entry.record, RejectionRecord)
    assert (entry.record.operator, entry.record.reason) == ("bob", "not today")
    assert (entry.record.change_id, entry.record.interface) == (asked.id, "web")
    assert stage.tags().isdisjoint({"v1.0.0-staging", "latest-staging"})


def test_requester_cancels_a_change_and_a_stranger_cannot(stage):
    asked = stage.ask()

    with pytest.raises(AuthorizationError):
        stage.changes.cancel(asked.id, stage.members.operator("mallory"), "cli")
    cancelled = stage.changes.cancel(asked.id, stage.members.operator("alice"), "cli")

    assert cancelled.state is ChangeState.CANCELLED
    with pytest.raises(ChangeClosedError):
        stage.approve(asked)


def test_undecided_change_expires(stage):
    asked = stage.ask()
    stage.later(hours=2)

    [expired] = stage.changes.expire_due()

    assert (expired.id, expired.state) == (asked.id, ChangeState.EXPIRED)
    with pytest.raises(ChangeClosedError):
        stage.approve(asked)
    assert stage.ask().id != asked.id


def test_clock_that_jumps_back_reopens_nothing(stage):
    asked = stage.ask()
    stage.later(hours=2)
    stage.changes.expire_due()
    stage.later(hours=-5)

    with pytest.raises(ChangeClosedError):
        stage.approve(asked)
    assert stage.ask().state is ChangeState.AWAITING_APPROVAL


def test_expiry_does_not_interrupt_a_running_write(stage):
    asked = stage.ask()
    stage.later(minutes=30)
    decided = stage.approve(asked)
    stage.later(minutes=50)

    stage.changes.expire_due()
    done = stage.settle(decided)

    assert done.state is ChangeState.PROMOTED


def test_change_refused_by_a_rule_is_blocked_with_the_rule(stage):
    change = stage.ask(who="mallory")

    assert change.state is ChangeState.BLOCKED
    assert change.ended.exit_code == AuthorizationError.exit_code
    assert "mallory" in change.ended.message


def test_change_without_required_approval_is_never_written(stage):
    request = promotion(stage.engine, "v1.0.0", "staging", stage.members.operator("alice"))

    result = stage.engine.run(request, ProgressLog())

    assert result.outcome is Ending.PENDING
    assert result.error.exit_code == 14
    assert stage.tags() == {"v1.0.0-dev", "v2.0.0-dev"}


def test_already_promoted_change_succeeds_at_once(stage):
    stage.settle(stage.approve(stage.ask()))

    again = stage.ask()

    assert again.state is ChangeState.PROMOTED
    assert len(stage.engine.history("staging", 10)) == 1


def test_unknown_change_is_named(stage):
    with pytest.raises(UsageError, match="Change 'c-nothing' not found"):
        stage.changes.get("c-nothing")


def test_ended_change_cannot_be_reopened():
    for state in ChangeState:
        ends = {ChangeState.CHECKING, ChangeState.AWAITING_APPROVAL, ChangeState.EXECUTING}
        if state not in ends:
            with pytest.raises(ValueError, match="never becomes"):
                _any(state).moved(ChangeState.EXECUTING)


def _any(state: ChangeState) -> Change:
    return Change.model_validate(
        {
            "id": "c-1",
            "action": "promote",
            "version": "v1.0.0",
            "source": "dev",
            "target": "staging",
            "requester": {"name": "a", "id": "os:a", "source": "os", "verified": False},
            "interface": "cli",
            "trace_id": "1" * 32,
            "state": state,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        }
    )
