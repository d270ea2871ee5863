"""Lockers and promoters may lock; holders and promoters may unlock."""

import pytest

from engine.checks.authorization import may_lock, may_unlock
from engine.domain.environment import Authorization
from engine.domain.identity import Directory
from engine.domain.operator import Operator
from engine.domain.record import LockRecord
from engine.domain.request import LockRequest, UnlockRequest
from engine.domain.rights import Rights
from tests.checks.contexts import ALICE, BOB, REASON, TRACE, entry, judge_once, known_by_id, person
from tests.checks.test_authorization import ADMIN, ADMINS, STRANGER, to_prod
from tests.domain.records import AT, ID, WHO


@pytest.mark.requirement("FR-046")
@pytest.mark.parametrize(
    ("operator", "via"),
    [
        (ADMIN, "group admins"),
        (person("erin", "on-call"), "identity.lockers"),
        (person("erin", "on-call", verified=False), ""),
        (BOB, ""),
    ],
)
def test_promoters_and_lockers_may_lock(operator: Operator, via: str) -> None:
    rights = Rights.of((), people=(), lockers=["on-call"])
    request = LockRequest("prod", operator, TRACE, REASON)

    found = judge_once(may_lock, request, to_prod(ADMINS), rights=rights)

    assert found.reason == via or "is not authorized to lock 'prod'" in found.reason
    assert found.blocks is not bool(via)


def locked_by(operator: Operator) -> LockRecord:
    fields = {"lock_id": ID, "environment": "prod", "reason": "freeze", "locked_at": AT}
    holder = {"operator": operator.name, "operator_id": operator.id}
    return LockRecord.model_validate(WHO | fields | holder)


@pytest.mark.requirement("FR-046")
@pytest.mark.parametrize(
    ("holder", "operator", "rules", "via"),
    [
        (ALICE, ALICE, ADMINS, "who locked"),
        (ALICE, ADMIN, ADMINS, "group admins"),
        (ALICE, BOB, ADMINS, ""),
        # An unverified operator may have any name, so only an unverified lock is theirs to lift.
        (ALICE, STRANGER, None, ""),
        (STRANGER, STRANGER, None, "who locked"),
        (STRANGER, person("bob", verified=False), None, "prod requires no authorization"),
        (STRANGER, STRANGER, ADMINS, ""),
        (known_by_id("os:root"), STRANGER, None, "prod requires no authorization"),
        (known_by_id("slack:T1/U1", verified=True), STRANGER, None, ""),
    ],
)
def test_holder_and_promoters_may_unlock(
    holder: Operator, operator: Operator, rules: Authorization | None, via: str
) -> None:
    request = UnlockRequest("prod", operator, TRACE, REASON)
    head = entry(locked_by(holder))

    found = judge_once(may_unlock, request, to_prod(rules), target_head=head)

    assert found.reason == via or "is not authorized to unlock 'prod'" in found.reason
    assert found.blocks is not bool(via)


@pytest.mark.parametrize("holder", [person("al"), Operator("smith", ALICE.id, ALICE.source, True)])
def test_holder_under_another_name_may_unlock(holder: Operator) -> None:
    directory = Directory.of({"alice": ("al",)}, {})
    request = UnlockRequest("prod", ALICE, TRACE, REASON)
    head = entry(locked_by(holder))

    found = judge_once(may_unlock, request, to_prod(ADMINS), target_head=head, directory=directory)

    assert found.reason == "who locked"


@pytest.mark.parametrize(
    ("operator", "allowed"), [(ADMIN, True), (person("erin", "on-call"), True), (BOB, False)]
)
def test_unlocked_environment_may_be_unlocked_by_those_who_may_lock(
    operator: Operator, allowed: bool
) -> None:
    rights = Rights.of((), people=(), lockers=["on-call"])
    request = UnlockRequest("prod", operator, TRACE, REASON)

    found = judge_once(may_unlock, request, to_prod(ADMINS), rights=rights, target_head=None)

    assert found.blocks is not allowed
    assert found.reason == "it is not locked" or not allowed
