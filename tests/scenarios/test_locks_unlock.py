"""A lock is lifted by its holder, or by those that the environment names."""

from pathlib import Path

import pytest

from engine.domain.environment import Authorization, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.rights import Rights
from tests.conftest import Place
from tests.scenarios.engines import ALICE, BOB, engine_on, path_of, person
from tests.scenarios.verbs import lock, unlock, unlock_of

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


def test_unlocking_an_unlocked_environment_needs_the_right_too(
    place: Place, tmp_path: Path
) -> None:
    with engine_on(place.registry, tmp_path, GUARDED, rights=ON_CALL) as engine:
        refused = unlock(engine, operator=BOB)
        unchanged = unlock(engine, operator=ALICE)

    assert isinstance(refused.error, AuthorizationError)
    assert (unchanged.error, unchanged.record) == (None, None)
