"""A shortened or rewritten chain can be valid too, so it must contain the last known head."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.store import SqlHeads, state_database
from engine.api import Engine
from engine.domain.artifact import Digest
from engine.domain.audit import KnownHead
from engine.domain.errors import StoreUnavailableError
from engine.ports.state import InMemoryHeads
from tests.conftest import Place
from tests.scenarios.audited import audit, lock, messages, promote_versions, summarize, unlock
from tests.scenarios.engines import with_parts
from tests.scenarios.tampering import Hand

pytestmark = pytest.mark.requirement("FR-026")
HEAD = "floe-head.staging"
ENTRY = "floe-ledger.staging"
SEEN = KnownHead(3, Digest.of(b"three"))


@pytest.fixture
def watched(place: Place, engine: Engine, tmp_path: Path) -> Engine:
    """An engine with known heads that has audited five promotions to staging and a lock."""
    promote_versions(place, engine)
    lock(engine)
    heads = SqlHeads(state_database(tmp_path / "state"), place.registry.reference)
    remembering = with_parts(engine, heads=heads)
    assert audit(remembering).sound
    return remembering


def test_growing_ledger_stays_sound(watched: Engine) -> None:
    unlock(watched)
    lock(watched)

    assert audit(watched).sound
    assert audit(watched).entries == 8


def test_head_moved_back_by_one_looks_interrupted_and_loses_nothing(
    place: Place, watched: Engine
) -> None:
    Hand(place).point(HEAD, at=f"{ENTRY}.5")

    found = audit(watched)

    assert found.sound
    assert summarize(found.notes) == [("interrupted", 6)]
    assert found.entries == 6


def test_removed_newest_entry_is_found(place: Place, watched: Engine) -> None:
    Hand(place).cut_off(6)

    found = audit(watched)

    assert summarize(found.problems) == [("rewound", 6)]
    assert "ends with entry 5" in messages(found)
    assert "floe platform audit accept --env staging" in messages(found)


def test_head_moved_back_further_is_found_without_known_heads(place: Place, engine: Engine) -> None:
    promote_versions(place, engine)
    Hand(place).point(HEAD, at=f"{ENTRY}.2")

    found = audit(engine)

    assert summarize(found.problems) == [("rewound", 5)]
    assert "it is at entry 2, and the newest entry is 5" in messages(found)
    assert found.entries == 5


def test_shortened_ledger_stays_a_problem_until_it_is_accepted(
    place: Place, watched: Engine
) -> None:
    Hand(place).cut_off(6)
    audit(watched)

    again = audit(watched)
    watched.accept_ledger("staging")
    afterwards = audit(watched)

    assert summarize(again.problems) == [("rewound", 6)]
    assert afterwards.sound


def test_other_entry_in_place_of_the_known_head_is_found(place: Place, watched: Engine) -> None:
    hand = Hand(place)
    forged = hand.rewritten(
        HEAD,
        lambda record: record.update(trace_id="2" * 32),
        # Quoted, since YAML would read digits alone as a number.
        lambda annotations: annotations.update({"dev.floe.lock.trace_id": f'"{"2" * 32}"'}),
    )
    hand.put(forged, HEAD, f"{ENTRY}.6")

    found = audit(watched)

    assert summarize(found.problems) == [("rewound", 6)]
    assert f"has {forged.digest.short} as entry 6" in messages(found)


def test_rewritten_ledger_that_has_grown_since_is_found(place: Place, watched: Engine) -> None:
    Hand(place).cut_off(6)
    somewhere_else = with_parts(watched, heads=InMemoryHeads())
    lock(somewhere_else)
    unlock(somewhere_else)

    found = audit(watched)

    assert summarize(found.problems) == [("rewound", 6)]


def test_wiped_ledger_is_found(place: Place, watched: Engine, tmp_path: Path) -> None:
    elsewhere = SqlHeads(state_database(tmp_path / "state"), place.registry.reference)
    elsewhere.remember("prod", SEEN)

    found = audit(watched, "prod")

    assert summarize(found.problems) == [("rewound", 3)]
    assert "The ledger of prod was truncated or rewritten: it has no head" in messages(found)


def test_unreadable_known_heads_stop_the_audit(watched: Engine, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database " * 500)
    rebuilt = with_parts(watched, heads=SqlHeads(state_database(tmp_path), "r"))

    with pytest.raises(StoreUnavailableError, match=r"store\.db is damaged"):
        audit(rebuilt)


def test_unwritable_known_heads_are_a_note(place: Place, engine: Engine, tmp_path: Path) -> None:
    promote_versions(place, engine, 1)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    forgetful = with_parts(engine, heads=SqlHeads(state_database(tmp_path / "gone"), "r"))

    found = audit(forgetful)

    assert found.sound
    assert summarize(found.notes) == [("unremembered", None)]
    assert "point state.dir at a directory this user may write" in messages(found)


def test_heads_are_stored_by_repository_and_environment(tmp_path: Path) -> None:
    def heads(repository: str) -> SqlHeads:
        return SqlHeads(state_database(tmp_path), repository)

    heads("one/repository").remember("prod", SEEN)
    heads("one/repository").remember("dev", replace(SEEN, sequence=1))
    heads("another/repository").remember("prod", replace(SEEN, sequence=9))

    assert heads("one/repository").known("prod") == SEEN
    assert heads("one/repository").known("dev") == replace(SEEN, sequence=1)
    assert heads("third/repository").known("prod") is None
