"""Several rules, escalation and delegates decide who can approve a change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain.approval_rules import ApprovalRule, Delegate, Escalation
from engine.domain.change import ChangeState
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Directory
from engine.domain.names import Names
from engine.domain.record import PromotionRecord
from tests.builders import image
from tests.conftest import Place
from tests.scenarios import changing
from tests.scenarios.audited import audit
from tests.scenarios.changing import Stage, stage_on
from tests.scenarios.engines import NOON, path_of, promotion

DIRECTORY = Directory.of(
    {"alice": ("alice@phone",)},
    {
        "developers": ("dave", "erin"),
        "security": ("alice", "bob", "dave"),
        "sre": ("alice", "carol"),
        "managers": ("mia",),
    },
)
APPROVALS = Approvals(
    rules=(ApprovalRule("security", Names(["security"])), ApprovalRule("sre", Names(["sre"]))),
    expires_after_seconds=6 * 3600,
    escalation=Escalation(7200, Names(["managers"])),
    delegates=(
        Delegate("carol", "finn", NOON + timedelta(days=1)),
        Delegate("dave", "finn", NOON + timedelta(days=1)),
        Delegate("bob", "gina", NOON - timedelta(days=1)),
    ),
)
STAGING = Environment(
    "staging", authorization=Authorization(allowed_groups={"developers"}), approvals=APPROVALS
)


@pytest.fixture
def stage(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(changing, "DIRECTORY", DIRECTORY)
    with stage_on(place, tmp_path, path_of("dev", STAGING, "prod")) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def test_one_person_fills_one_rule_and_moves_to_the_other(stage: Stage) -> None:
    asked = stage.ask(who="dave")

    after = stage.approve(asked, "alice")
    done = stage.settle(stage.approve(asked, "bob"))

    assert (after.state, after.missing_approvals) == (ChangeState.AWAITING_APPROVAL, 1)
    assert [rule.filled_by for rule in after.rules] == [("alice",), ()]
    assert [rule.filled_by for rule in done.rules] == [("bob",), ("alice",)]
    assert done.state is ChangeState.PROMOTED
    [entry] = stage.engine.history("staging", 1)
    assert isinstance(entry.record, PromotionRecord)
    assert [each.groups for each in entry.record.approvals] == [("security", "sre"), ("security",)]
    assert audit(stage.engine).problems == ()


def test_person_who_fills_no_open_rule_is_refused(stage: Stage) -> None:
    asked = stage.ask(who="erin")
    stage.approve(asked, "bob")

    with pytest.raises(AuthorizationError, match=r"'dave' cannot fill an open rule of .*: sre"):
        stage.approve(asked, "dave")

    assert not stage.changes.awaits(stage.changes.get(asked.id), stage.members.operator("dave"))
    with pytest.raises(AuthorizationError, match=r"Required groups: \[security, sre\]"):
        stage.approve(asked, "mia")


def test_further_groups_approve_after_the_escalation(stage: Stage) -> None:
    asked = stage.ask(who="dave")
    stage.approve(asked, "bob")
    stage.later(hours=2)

    done = stage.settle(stage.approve(asked, "mia"))

    assert done.state is ChangeState.PROMOTED
    assert done.approvals[1].authorized_via == "group managers, after escalation"
    assert audit(stage.engine).problems == ()


def test_delegate_approves_for_another_person_and_both_are_recorded(stage: Stage) -> None:
    asked = stage.ask(who="dave")
    stage.approve(asked, "bob")

    done = stage.settle(stage.approve(asked, "finn"))

    assert done.state is ChangeState.PROMOTED
    assert done.rules[1].filled_by == ("finn for carol",)
    assert done.approvals[1].authorized_via == "group sre, delegated by carol"


def test_delegate_and_the_person_are_one(stage: Stage) -> None:
    asked = stage.ask(who="dave")
    stage.approve(asked, "finn")

    with pytest.raises(AuthorizationError, match="'carol' already approved"):
        stage.approve(asked, "carol")


def test_requester_does_not_approve_through_a_delegate(stage: Stage) -> None:
    asked = stage.ask(who="dave")
    stage.approve(asked, "carol")

    with pytest.raises(AuthorizationError, match="who requested it or already approved it"):
        stage.approve(asked, "finn")


def test_right_of_a_delegate_ends(stage: Stage) -> None:
    asked = stage.ask(who="dave")

    with pytest.raises(AuthorizationError, match="'gina' may not approve"):
        stage.approve(asked, "gina")


def test_approval_of_a_delegate_counts_until_the_right_ends(stage: Stage) -> None:
    request = promotion(stage.engine, "v1.0.0", "staging", stage.members.operator("dave"))
    later = replace(request, scheduled_at=NOON + timedelta(days=2))
    asked = stage.settle(stage.changes.submit(later, "cli"))
    stage.approve(asked, "bob")
    approved = stage.approve(asked, "finn")
    stage.later(days=2)
    (started,) = stage.changes.schedule.start_due(stage.platform.store.open())

    lost = stage.settle(started)

    assert approved.state is ChangeState.SCHEDULED
    assert lost.state is ChangeState.AWAITING_APPROVAL
    assert [each.operator for each in lost.approvals] == ["bob"]


def test_approval_of_a_former_member_counts_no_more(stage: Stage) -> None:
    asked = stage.ask(who="dave")
    stage.approve(asked, "bob")
    approved = stage.approve(asked, "carol")
    stage.members.dismiss("security")

    lost = stage.settle(approved)

    assert lost.state is ChangeState.AWAITING_APPROVAL
    assert [each.operator for each in lost.approvals] == ["carol"]
    assert [rule.name for rule in lost.open_rules] == ["security"]


def test_person_of_both_groups_leaves_a_rule_to_the_next(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = DIRECTORY.groups | {"managers": Names(["mia", "carol"]), "sre": Names(["carol", "al"])}
    monkeypatch.setattr(changing, "DIRECTORY", replace(DIRECTORY, groups=groups))
    with stage_on(place, tmp_path, path_of("dev", STAGING)) as stage:
        place.push(image(b"one"), "v1.0.0-dev")
        asked = stage.ask(who="erin")
        stage.later(hours=2)
        stage.approve(asked, "carol")

        done = stage.settle(stage.approve(asked, "al"))

        assert done.state is ChangeState.PROMOTED
        assert done.approvals[0].groups == ("managers", "sre")
        assert done.approvals[0].authorized_via == "groups managers, sre, after escalation"
        assert audit(stage.engine).problems == ()
