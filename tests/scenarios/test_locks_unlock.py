"""Who may lift a lock: who set it, and whom the environment names."""

from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Claims, Directory
from engine.domain.operator import IdentitySource
from tests.conftest import Place
from tests.scenarios.engines import ALICE, BOB, engine_on, path_of, person
from tests.scenarios.verbs import kinds, lock, unlock, unlock_of

GUARDED = path_of("dev", Environment("staging", authorization=Authorization(frozenset({"sre"}))))


@pytest.mark.requirement("FR-046")
def test_who_locked_may_unlock_and_so_may_whom_the_environment_names(
    place: Place, tmp_path: Path
) -> None:
    sre = person("sre@acme.com", "sre")
    with engine_on(place.registry, tmp_path, GUARDED) as engine:
        lock(engine, operator=ALICE)
        by_holder = unlock(engine, operator=ALICE)
        lock(engine, operator=ALICE)

        by_named = unlock(engine, operator=sre)

        assert unlock_of(by_holder).authorized_via == "who locked"
        assert unlock_of(by_named).authorized_via == "group sre"


@pytest.mark.requirement("FR-049")
def test_another_may_not_unlock(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, GUARDED) as engine:
        lock(engine, operator=ALICE)

        result = unlock(engine, operator=BOB)

        assert isinstance(result.error, AuthorizationError)
        assert result.error.exit_code == 12
        assert "'bob@acme.com' is not authorized to unlock 'staging'" in str(result.error)
        assert engine.status()[1].lock is not None


@pytest.mark.requirement("FR-045")
def test_nobody_unverified_locks_or_unlocks(place: Place, engine: Engine) -> None:
    ghost = person("alice@acme.com", "sre", verified=False)
    locked = lock(engine, operator=ghost)
    lock(engine, operator=ALICE)

    unlocked = unlock(engine, operator=ghost)

    for result in (locked, unlocked):
        assert isinstance(result.error, AuthorizationError)
        assert "is not verified" in str(result.error)
    assert kinds(engine) == ["lock"]


def test_who_locked_under_another_name_is_still_who_locked(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, GUARDED) as engine:
        lock(engine, operator=person("alice"))
    known = Directory.of({"alice@acme.com": ("alice",)}, {})

    with engine_on(place.registry, tmp_path, GUARDED, directory=known) as engine:
        result = unlock(engine, operator=person("alice@acme.com"))

        assert unlock_of(result).authorized_via == "who locked"


def test_the_same_account_under_a_new_name_is_still_who_locked(
    place: Place, tmp_path: Path
) -> None:
    claims = Claims(ALICE.id, IdentitySource.OIDC, True, ("alice.smith@acme.com",))
    with engine_on(place.registry, tmp_path, GUARDED) as engine:
        lock(engine, operator=ALICE)

        result = unlock(engine, operator=Directory().operator(claims))

        assert unlock_of(result).authorized_via == "who locked"


def test_what_is_not_locked_needs_no_right_to_be_unlocked(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, GUARDED) as engine:
        result = unlock(engine, operator=BOB)

        assert (result.error, result.record) == (None, None)
