"""Approvers are verified, are not the requester, and have the right; each approves once."""

import pytest

from engine.checks.approval import closed, may_approve, may_decide
from engine.checks.ballots import approver_via, override_via
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended, Person
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import (
    AuthorizationError,
    CancelledError,
    ChangeClosedError,
    ExpiredError,
    PromotionError,
    RejectedError,
    StaleError,
    SupersededError,
)
from engine.domain.finding import Outcome
from engine.domain.operator import Operator
from engine.domain.rights import Rights
from tests.checks.contexts import ALICE, BOB, NOW, TRACE, person

PROD = Environment("prod", approvals=Approvals(required=1, groups=frozenset({"release", "sre"})))
CAROL = person("carol", "sre")


def change(state: ChangeState = ChangeState.AWAITING_APPROVAL, **fields: object) -> Change:
    """A change that Alice requested."""
    known = {
        "id": "c-1",
        "action": "promote",
        "version": "v1.0.0",
        "source": "staging",
        "target": "prod",
        "requester": Person.of(ALICE),
        "interface": "cli",
        "trace_id": TRACE,
        "state": state,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Change.model_validate(known | fields)


def test_member_of_an_approver_group_may_approve() -> None:
    found = may_approve(change(), CAROL, PROD, Rights())

    assert (found.outcome, found.reason) == (Outcome.PASSED, "group sre")


@pytest.mark.parametrize(
    ("approver", "reason"),
    [
        (
            person("carol", "sre", verified=False, doubt="the password is unchecked"),
            "Unauthorized: the identity 'registry:r.example/carol' is not verified, so it cannot "
            "approve c-1: the password is unchecked",
        ),
        (
            person("alice", "sre"),
            "Unauthorized: 'alice' requested c-1 and cannot also approve it. Another person must "
            "decide",
        ),
        (
            person("dora", "dev"),
            "Unauthorized: 'dora' may not approve changes of 'prod'. Required groups: [release, "
            "sre]. Your groups: [dev]",
        ),
    ],
)
def test_refusal_to_approve_names_its_reason(approver: Operator, reason: str) -> None:
    found = may_approve(change(), approver, PROD, Rights())

    assert (found.outcome, found.error, found.reason) == (
        Outcome.BLOCKED,
        AuthorizationError,
        reason,
    )


def test_earlier_approver_may_reject_and_not_approve_again() -> None:
    approved = change(approvers=(Person.of(CAROL),))

    again = may_approve(approved, CAROL, PROD, Rights())
    reject = may_decide(approved, CAROL, PROD, Rights(), "reject")

    assert (again.error, again.reason) == (
        AuthorizationError,
        "'carol' already approved c-1. Another person is needed",
    )
    assert reject.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (ChangeState.REJECTED, RejectedError),
        (ChangeState.EXPIRED, ExpiredError),
        (ChangeState.STALE, StaleError),
        (ChangeState.SUPERSEDED, SupersededError),
        (ChangeState.CANCELLED, CancelledError),
        (ChangeState.PROMOTED, ChangeClosedError),
    ],
)
def test_late_decision_fails_like_the_change(
    state: ChangeState, error: type[PromotionError]
) -> None:
    found = may_approve(change(state), CAROL, PROD, Rights())

    assert (found.outcome, found.error) == (Outcome.BLOCKED, error)
    assert found.reason == f"Change c-1 is {state}: it does not wait for approval"


def test_late_decision_repeats_the_details_of_the_end() -> None:
    ended = Ended.of(StaleError("stale", {"differences": ["digest"]}))

    found = closed(change(ChangeState.STALE, ended=ended), "too late")

    assert found.details == {"differences": ["digest"], "change_id": "c-1", "state": "stale"}
    assert closed(change(ChangeState.STALE), "too late").details == {
        "change_id": "c-1",
        "state": "stale",
    }


ADMINS = Authorization(frozenset({"admins"}))


@pytest.mark.parametrize(
    ("target", "approver", "via"),
    [
        (PROD, person("carol", "sre", verified=False), ""),
        (PROD, person("carol", "sre", "release"), "group release"),
        (PROD, person("carol", "admins"), ""),
        (Environment("prod", authorization=ADMINS), person("carol", "admins"), "group admins"),
        (Environment("prod", authorization=ADMINS), CAROL, ""),
        (Environment("prod", approvals=Approvals(groups=frozenset())), CAROL, ""),
    ],
)
def test_approver_groups_come_before_the_authorization(
    target: Environment, approver: Operator, via: str
) -> None:
    assert approver_via(approver, target, Rights()) == via


def test_refusal_names_the_authorized_groups_without_approver_groups() -> None:
    target = Environment("prod", authorization=ADMINS)
    people = Environment("prod", authorization=Authorization(None, frozenset({"erin"})))

    assert "Required groups: [admins]" in may_approve(change(), BOB, target, Rights()).reason
    assert "Required groups: []" in may_approve(change(), BOB, people, Rights()).reason


@pytest.mark.parametrize(
    ("target", "via"),
    [
        (Environment("prod"), "prod requires no authorization"),
        (Environment("prod", authorization=ADMINS), ""),
        (Environment("prod", approvals=Approvals(required=1)), "any verified operator"),
        (PROD, ""),
        (Environment("prod", approvals=Approvals(groups=frozenset({"dev"}))), "group dev"),
    ],
)
def test_override_needs_the_right_of_an_approver(target: Environment, via: str) -> None:
    assert override_via(person("dora", "dev"), target, Rights()) == via


def test_unverified_operator_overrides_only_where_all_are_admitted() -> None:
    stranger = person("dora", verified=False)
    guarded = Environment("prod", approvals=Approvals(required=1))

    assert override_via(stranger, Environment("prod"), Rights())
    assert not override_via(stranger, guarded, Rights())
