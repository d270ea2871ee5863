"""After a rewind of the ledger, no write is accepted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.store import SqlHeads, state_database
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.errors import EnvironmentLockedError, LedgerUnreadableError
from engine.domain.plan import GateMode
from engine.domain.result import Ending
from engine.ports.state import InMemoryHeads
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import promote_versions
from tests.scenarios.engines import ProgressLog, promote, promotion, with_parts
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import lock, roll_back, unlock

pytestmark = pytest.mark.requirement("FR-026")
HEAD = "floe-head.staging"
ENTRY = "floe-ledger.staging"


@pytest.fixture
def watched_engine(place: Place, engine: Engine, tmp_path: Path) -> Engine:
    """Three promotions and a lock; v1.0.4 is built."""
    built = with_parts(engine, heads=SqlHeads(state_database(tmp_path), place.registry.reference))
    promote_versions(place, built, last=3)
    lock(built)
    place.push(image(b"artifact 4"), "v1.0.4-dev")
    return built


def test_moving_the_head_back_does_not_remove_a_lock(place: Place, watched_engine: Engine) -> None:
    assert isinstance(promote(watched_engine, "v1.0.4", "staging").error, EnvironmentLockedError)
    Hand(place).point(HEAD, at=f"{ENTRY}.3")
    before = set(place.registry.tags())

    for engine in (watched_engine, with_parts(watched_engine, heads=InMemoryHeads())):
        assert isinstance(promote(engine, "v1.0.4", "staging").error, EnvironmentLockedError)

    assert set(place.registry.tags()) == before


def test_removing_the_entry_of_a_lock_does_not_remove_the_lock(
    place: Place, watched_engine: Engine
) -> None:
    Hand(place).cut_off(4)
    before = set(place.registry.tags())

    with pytest.raises(LedgerUnreadableError, match="ends with entry 3, and entry 4 was seen"):
        promote(watched_engine, "v1.0.4", "staging")

    assert set(place.registry.tags()) == before


@pytest.mark.parametrize(
    "write",
    [
        lambda engine: roll_back(engine, "v1.0.1"),
        lambda engine: lock(engine),
        lambda engine: engine.plan(
            promotion(engine, "v1.0.4", "staging"), ProgressLog(), GateMode.LIST
        ),
    ],
    ids=["rollback", "lock", "dry run"],
)
def test_every_write_after_a_rewind_is_refused(
    place: Place, watched_engine: Engine, write: Callable[[Engine], object]
) -> None:
    Hand(place).cut_off(4)

    with pytest.raises(LedgerUnreadableError, match="floe platform audit verify --env staging"):
        write(watched_engine)

    assert watched_engine.history("staging", 1)[0].sequence == 3


def test_other_entry_in_place_of_the_known_head_is_refused(
    place: Place, watched_engine: Engine
) -> None:
    Hand(place).cut_off(4)
    somewhere_else = with_parts(watched_engine, heads=InMemoryHeads())
    lock(somewhere_else)
    unlock(somewhere_else)

    with pytest.raises(LedgerUnreadableError, match="has another entry 4"):
        promote(watched_engine, "v1.0.4", "staging")


def test_entries_by_other_writers_are_accepted(watched_engine: Engine) -> None:
    somewhere_else = with_parts(watched_engine, heads=InMemoryHeads())
    for _ in range(3):
        unlock(somewhere_else)
        lock(somewhere_else)
    unlock(somewhere_else)

    assert promote(watched_engine, "v1.0.4", "staging").outcome is Ending.PROMOTED


def test_restored_ledger_takes_writes_after_it_is_accepted(
    place: Place, watched_engine: Engine
) -> None:
    Hand(place).cut_off(4)
    with pytest.raises(LedgerUnreadableError, match="floe platform audit accept --env staging"):
        promote(watched_engine, "v1.0.4", "staging")

    watched_engine.accept_ledger("staging")

    assert promote(watched_engine, "v1.0.4", "staging").outcome is Ending.PROMOTED


def test_removing_the_entry_of_a_rollback_does_not_undo_it(
    place: Place, watched_engine: Engine
) -> None:
    """For the entry before the rollback, `latest` looks like the result of an interrupted run."""
    unlock(watched_engine)
    assert roll_back(watched_engine, "v1.0.2").error is None
    latest = place.registry.resolve(Tag("latest-staging"))
    for sequence in (6, 5, 4):
        Hand(place).cut_off(sequence)

    assert watched_engine.complete_interrupted() == ()
    with pytest.raises(LedgerUnreadableError, match="shortened or rewritten"):
        promote(watched_engine, "v1.0.3", "staging")

    assert place.registry.resolve(Tag("latest-staging")) == latest
