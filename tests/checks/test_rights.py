"""Rights beyond the rules of one environment, and operators of a server."""

import pytest

from engine.checks.authorization import may_lock
from engine.checks.ballots import approver_via
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.request import LockRequest
from engine.domain.rights import Rights
from engine.domain.roles import Members
from tests.checks.contexts import ALICE, BOB, TRACE, judge_once, person
from tests.scenarios.engines import path_of

pytestmark = pytest.mark.requirement("FR-046")


def test_group_is_not_the_person_with_the_same_address() -> None:
    rights = Rights.of((), people=(), lockers=["alice@acme.com"], operators=["alice@acme.com"])
    impostor = person("eve@acme.com", "alice@acme.com")

    assert not rights.may_lock(impostor)
    assert not rights.may_operate(impostor)
    assert not rights.knows(impostor)


def test_server_lets_no_stranger_approve_without_authorization() -> None:
    target = Environment("staging", approvals=Approvals(required=1))
    served = Rights.of([target], people=["alice"], served=True)

    assert approver_via(ALICE, target, served) == "any verified operator"
    assert approver_via(BOB, target, served) == ""
    assert approver_via(BOB, target, Rights()) == "any verified operator"


def test_approver_by_name_needs_no_group() -> None:
    approvals = Approvals(required=1, groups=frozenset(), operators=frozenset({"alice"}))
    target = Environment("prod", approvals=approvals)

    assert approver_via(ALICE, target, Rights()) == "operator alice"
    assert approver_via(BOB, target, Rights()) == ""
    assert approver_via(person("alice", verified=False), target, Rights()) == ""


def test_admin_locks_without_the_right_to_promote() -> None:
    rules = Authorization(allowed_groups=frozenset({"sre"}))
    path = path_of("dev", Environment("prod", authorization=rules))
    rights = Rights.of(path.environments, people=(), admins=Members.of(["ops"]))
    request = LockRequest("prod", person("ada", "ops"), TRACE, "INC-1")

    found = judge_once(may_lock, request, path, rights=rights)

    assert (found.blocks, found.reason) == (False, "role admin")
