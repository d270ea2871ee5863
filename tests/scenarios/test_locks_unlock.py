"""A lock is lifted by its holder, or by those that the environment names."""

from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Claims, Directory, os_claims
from engine.domain.operator import IdentitySource
from engine.domain.rights import Rights
from tests.conftest import Place
from tests.scenarios.engines import ALICE, BOB, engine_on, path_of, person
from tests.scenarios.verbs import kinds, lock, unlock, unlock_of

ON_CALL = Rights.of((), people=(), lockers=["alice@acme.com", "alice"])
GUARDED = path_of("dev", Environment("staging", authorization=Authorization(frozenset({"sre"}))))


@pytest.mark.requirement("FR-046")
def test_holder_and_named_operators_can_unlock(place: Place, tmp_path: Path) -> None:
    sre = person("sre@acme.com", "sre")
    with engine_on(place.registry, tmp_path, GUARDED, rights=ON_CALL) as engine:
        lock(engine, operator=ALICE)
        by_holder = unlock(engine, operator=ALICE)
        lock(engine, operator=ALICE)

        by_named = unlock(engine, operator=sre)

        assert unlock_of(by_holder).authorized_via == "who locked"
        assert unlock_of(by_named).authorized_via == "group sre"


@pytest.mark.requirement("FR-049")
def test_other_operator_cannot_unlock(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, GUARDED, rights=ON_CALL) as engine:
        lock(engine, operator=ALICE)

        result = unlock(engine, operator=BOB)

        assert isinstance(result.error, AuthorizationError)
        assert result.error.exit_code == 12
        assert "'bob@acme.com' is not authorized to unlock 'staging'" in str(result.error)
        assert engine.status()[1].lock is not None


@pytest.mark.requirement("FR-045")
def test_unverified_operator_cannot_lift_the_lock_of_a_verified_one(engine: Engine) -> None:
    ghost = person("alice@acme.com", "sre", verified=False)
    lock(engine, operator=ALICE)

    unlocked = unlock(engine, operator=ghost)

    assert isinstance(unlocked.error, AuthorizationError)
    assert "is not verified" in str(unlocked.error)
    assert kinds(engine) == ["lock"]


def test_lock_of_an_unverified_holder_is_lifted_by_those_who_may_promote(engine: Engine) -> None:
    ann, ben = (Directory().operator(os_claims(who, trusted=False)) for who in ("ann", "ben"))
    lock(engine, operator=ann)
    by_other = unlock(engine, operator=ben)
    lock(engine, operator=ann)

    by_holder = unlock(engine, operator=ann)

    assert unlock_of(by_other).authorized_via == "staging requires no authorization"
    assert unlock_of(by_holder).authorized_via == "who locked"


def test_holder_under_another_alias_is_still_the_holder(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, GUARDED, rights=ON_CALL) as engine:
        lock(engine, operator=person("alice"))
    known = Directory.of({"alice@acme.com": ("alice",)}, {})

    with engine_on(place.registry, tmp_path, GUARDED, rights=ON_CALL, directory=known) as engine:
        result = unlock(engine, operator=person("alice@acme.com"))

        assert unlock_of(result).authorized_via == "who locked"


def test_same_account_under_a_new_name_is_still_the_holder(place: Place, tmp_path: Path) -> None:
    claims = Claims(ALICE.id, IdentitySource.OIDC, True, ("alice.smith@acme.com",))
    with engine_on(place.registry, tmp_path, GUARDED, rights=ON_CALL) as engine:
        lock(engine, operator=ALICE)

        result = unlock(engine, operator=Directory().operator(claims))

        assert unlock_of(result).authorized_via == "who locked"


def test_unlocking_an_unlocked_environment_needs_the_right_too(
    place: Place, tmp_path: Path
) -> None:
    with engine_on(place.registry, tmp_path, GUARDED, rights=ON_CALL) as engine:
        refused = unlock(engine, operator=BOB)
        unchanged = unlock(engine, operator=ALICE)

    assert isinstance(refused.error, AuthorizationError)
    assert (unchanged.error, unchanged.record) == (None, None)
