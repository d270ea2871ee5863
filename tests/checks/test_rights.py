"""Rights beyond the rules of one environment, and operators of a server."""

import pytest

from engine.checks.approval import approver_via
from engine.domain.environment import Approvals, Environment
from engine.domain.rights import Rights
from tests.checks.contexts import ALICE, BOB, person

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
