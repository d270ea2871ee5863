"""The rules of an environment decide who may change it (docs/identity.md)."""

from pathlib import Path

import pytest

from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import ApprovalPendingError, AuthorizationError
from engine.domain.operator import Operator
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending, Result
from engine.domain.rights import Rights
from tests.conftest import Place
from tests.scenarios.engines import (
    ALICE,
    BOB,
    ProgressLog,
    engine_on,
    path_of,
    person,
    promote,
    promotion,
)
from tests.scenarios.verbs import (
    artifact,
    build_and_promote,
    kinds,
    lock,
    lock_of,
    roll_back,
    rollback_of,
    unlock,
)

ADMIN = person("admin@acme.com", "platform-admins")
DEVELOPER = person("dev@acme.com", "developers")
GHOST = person("admin@acme.com", "platform-admins", verified=False)


def staging(authorization: Authorization | None, approvals: Approvals | None = None) -> Environment:
    return Environment("staging", authorization=authorization, approvals=approvals or Approvals())


def request_promotion(
    place: Place, folder: Path, target: Environment, operator: Operator
) -> Result:
    """Request a promotion of v1.0.0 into `target`."""
    place.push(artifact("v1.0.0"), "v1.0.0-dev")
    with engine_on(place.registry, folder, path_of("dev", target)) as engine:
        return promote(engine, "v1.0.0", "staging", operator)


@pytest.mark.requirement("FR-046")
@pytest.mark.requirement("FR-047")
def test_record_names_the_rule_that_admits_the_operator(place: Place, tmp_path: Path) -> None:
    rules = Authorization(frozenset({"platform-admins"}))

    result = request_promotion(place, tmp_path, staging(rules), ADMIN)

    assert isinstance(result.record, PromotionRecord)
    assert result.record.authorized_via == "group platform-admins"


@pytest.mark.requirement("FR-046")
def test_unlisted_operator_changes_nothing(place: Place, tmp_path: Path) -> None:
    rules = Authorization(frozenset({"platform-admins"}))

    result = request_promotion(place, tmp_path, staging(rules), DEVELOPER)

    assert isinstance(result.error, AuthorizationError)
    assert (result.outcome, result.error.exit_code) == (Ending.BLOCKED, 12)
    assert place.registry.resolve(staging(rules).latest) is None


@pytest.mark.requirement("FR-045")
def test_without_rules_everyone_is_admitted_and_the_record_shows_verification(
    place: Place, tmp_path: Path
) -> None:
    result = request_promotion(place, tmp_path, staging(None), GHOST)

    assert isinstance(result.record, PromotionRecord)
    assert not result.record.identity_verified


class TestRollback:
    RULES = Authorization(frozenset({"platform-admins"}), separation_of_duties=True)

    @pytest.mark.requirement("FR-046")
    def test_rollback_needs_the_right_to_promote_and_no_second_person(
        self, place: Place, tmp_path: Path
    ) -> None:
        with engine_on(place.registry, tmp_path, path_of("dev", staging(self.RULES))) as engine:
            build_and_promote(place, engine, "v1.0.0", "v1.1.0", operator=ADMIN)

            refused = roll_back(engine, "v1.0.0", operator=DEVELOPER)
            done = roll_back(engine, "v1.0.0", operator=ADMIN)

            assert isinstance(refused.error, AuthorizationError)
            assert "is not authorized to roll back 'staging'" in str(refused.error)
            assert rollback_of(done).authorized_via == "group platform-admins"

    def waiting(self, place: Place, folder: Path, approvals: Approvals) -> list[Result]:
        """Roll back and forward again, where the rollback needed no approval."""
        with engine_on(place.registry, folder, path_of("dev", "staging")) as engine:
            build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        path = path_of("dev", staging(None, approvals))
        with engine_on(place.registry, folder, path) as engine:
            return [roll_back(engine, "v1.0.0"), roll_back(engine, "v1.1.0")]

    def test_rollback_waits_for_approval_only_when_it_goes_forward(
        self, place: Place, tmp_path: Path
    ) -> None:
        back, forward = self.waiting(place, tmp_path, Approvals(required=1))

        assert rollback_of(back).version == "v1.0.0"
        assert isinstance(forward.error, ApprovalPendingError)

    def test_rollback_waits_where_the_environment_requires_it(
        self, place: Place, tmp_path: Path
    ) -> None:
        approvals = Approvals(required=1, rollback=True)

        back, _ = self.waiting(place, tmp_path, approvals)

        assert isinstance(back.error, ApprovalPendingError)
        assert back.error.exit_code == 14


@pytest.mark.requirement("FR-046")
def test_lock_needs_the_right_to_promote_or_to_lock(place: Place, tmp_path: Path) -> None:
    path = path_of("dev", staging(Authorization(frozenset({"platform-admins"}))))
    rights = Rights.of(path.environments, people=(), lockers=["on-call"])
    with engine_on(place.registry, tmp_path, path, rights=rights) as engine:
        for refused in (DEVELOPER, GHOST, person("eve@acme.com", "on-call", verified=False)):
            assert isinstance(lock(engine, operator=refused).error, AuthorizationError)

        assert lock_of(lock(engine, operator=ADMIN)).operator == "admin@acme.com"
        assert unlock(engine, operator=ADMIN).error is None
        on_call = person("erin@acme.com", "on-call")
        assert lock_of(lock(engine, operator=on_call)).operator == "erin@acme.com"


def test_every_environment_applies_its_own_rules(place: Place, tmp_path: Path) -> None:
    prod = Environment("prod", authorization=Authorization(frozenset({"platform-admins"})))
    with engine_on(place.registry, tmp_path, path_of("dev", "staging", prod)) as engine:
        build_and_promote(place, engine, "v1.0.0", operator=BOB)

        assert isinstance(promote(engine, "v1.0.0", "prod", BOB).error, AuthorizationError)
        assert promote(engine, "v1.0.0", "prod", ADMIN).error is None


def test_right_lost_after_the_plan_is_lost(place: Place, tmp_path: Path) -> None:
    place.push(artifact("v1.0.0"), "v1.0.0-dev")
    before = path_of("dev", staging(Authorization(None, frozenset({"alice@acme.com"}))))
    after = path_of("dev", staging(Authorization(None, frozenset({"bob@acme.com"}))))
    with engine_on(place.registry, tmp_path, before) as engine:
        plan = engine.plan(promotion(engine, "v1.0.0", "staging", ALICE), ProgressLog())
    assert plan.error is None

    with engine_on(place.registry, tmp_path, after) as engine:
        result = engine.execute(plan, ProgressLog())

        assert isinstance(result.error, AuthorizationError)
        assert kinds(engine) == []
