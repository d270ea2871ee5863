"""A number of the ledger that is occupied by content that does not count is skipped."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.record import LockRecord
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import messages, stranger_audit, summarize
from tests.scenarios.engines import BOB, engine_on, promote
from tests.scenarios.tampering import ENTRY, HEAD, Hand
from tests.scenarios.verbs import artifact, build_and_promote, kinds, lock, roll_back, unlock

pytestmark = pytest.mark.requirement("FR-026")


def foreign(hand: Hand) -> None:
    """Put an artifact there."""
    hand.point(f"{ENTRY}.3", at="v1.0.0-dev")


def replayed(hand: Hand) -> None:
    """Put an older entry of the same ledger there."""
    hand.point(f"{ENTRY}.3", at=f"{ENTRY}.1")


def other_environment(hand: Hand) -> None:
    """Put an entry of another environment there."""
    with engine_on(hand.place.registry, hand.folder / "prod") as engine:
        for _ in range(2):
            lock(engine, "prod")
            unlock(engine, "prod")
    hand.point(f"{ENTRY}.3", at="floe-ledger.prod.3")


def other_repository(hand: Hand) -> None:
    """Put an entry there that continues the chain, but names another repository."""
    with engine_on(hand.place.registry, hand.folder / "copy") as engine:
        lock(engine)
    name = "registry.example.com/another/app"
    forged = hand.rewritten(
        f"{ENTRY}.3",
        lambda record: record.update(repository=name),
        lambda annotations: annotations.update({"dev.floe.lock.repository": name}),
    )
    hand.cut_off(3)
    hand.put(forged, f"{ENTRY}.3")


def wrong_link(hand: Hand) -> None:
    """Put an entry there that follows another one than the newest."""
    links = {"dev.floe.ledger.sequence": "3", "dev.floe.state.sequence": "3"}
    hand.put(hand.edited(f"{ENTRY}.2", lambda m: m["annotations"].update(links)), f"{ENTRY}.3")


def without_index(hand: Hand) -> None:
    """Put an entry there that hides the earlier ones from lookups."""
    with engine_on(hand.place.registry, hand.folder / "copy") as engine:
        lock(engine)
    index = "dev.floe.ledger.index"
    forged = hand.edited(f"{ENTRY}.3", lambda m: m["annotations"].pop(index))
    hand.cut_off(3)
    hand.put(forged, f"{ENTRY}.3")


Forge = Callable[[Hand], None]
VOIDS = [foreign, replayed, other_environment, other_repository, wrong_link, without_index]


@pytest.fixture(params=VOIDS, ids=lambda forge: forge.__name__)
def void(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Place:
    """Staging ran v1.0.0 and runs v1.1.0; the number of its next entry is occupied."""
    with engine_on(place.registry, tmp_path / "first") as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    place.push(artifact("v1.2.0"), "v1.2.0-dev")
    request.param(Hand(place, tmp_path))
    return place


def test_void_does_not_count_and_does_not_block(void: Place, tmp_path: Path) -> None:
    before = void.registry.resolve(Tag(f"{ENTRY}.3"))
    with engine_on(void.registry, tmp_path) as engine:
        assert engine.status()[1].lock is None
        assert engine.status()[1].state.version == "v1.1.0"

        assert lock(engine, operator=BOB).error is None
        assert unlock(engine, operator=BOB).error is None
        assert promote(engine, "v1.2.0", "staging").error is None
        assert roll_back(engine, "v1.0.0").error is None

        newest = engine.history("staging", 4)
        assert [entry.sequence for entry in newest] == [7, 6, 5, 4]
        assert dict(newest[-1].voided) == {3: before}
        assert newest[-1].previous_sequence == 2
        assert kinds(engine)[:2] == ["promotion", "promotion"]
    assert void.registry.resolve(Tag(f"{ENTRY}.3")) == before


def test_void_is_a_problem_before_and_after_it_is_skipped(void: Place, tmp_path: Path) -> None:
    with engine_on(void.registry, tmp_path) as engine:
        fresh = stranger_audit(engine)
        lock(engine)
        skipped = stranger_audit(engine)

    assert summarize(fresh.problems) == summarize(skipped.problems) == [("void", 3)]
    assert "Number 3 of staging is occupied by" in messages(skipped)
    assert (fresh.entries, skipped.entries) == (2, 3)


def test_end_after_a_void_is_found_without_the_head_tag(void: Place, tmp_path: Path) -> None:
    with engine_on(void.registry, tmp_path) as engine:
        assert lock(engine).error is None
    Hand(void).point(HEAD, at="v1.0.0-dev")

    with engine_on(void.registry, tmp_path / "fresh") as engine:
        held = engine.status()[1].lock
        entry = engine.history("staging", 1)[0]

    assert held is not None
    assert isinstance(entry.record, LockRecord)
    assert entry.sequence == 4


def test_several_voids_are_skipped_at_once(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0")
    for number in range(2, 12):
        place.push(image(str(number).encode()), f"{ENTRY}.{number}")

    assert lock(engine).error is None

    [newest] = engine.history("staging", 1)
    assert newest.sequence == 12
    assert sorted(newest.voided) == list(range(2, 12))
    assert summarize(stranger_audit(engine).problems) == [("void", n) for n in range(11, 1, -1)]


def test_first_number_may_be_a_void(place: Place, engine: Engine) -> None:
    place.push(image(b"foreign"), f"{ENTRY}.1")

    assert lock(engine).error is None

    [newest] = engine.history("staging", 1)
    assert (newest.sequence, newest.previous) == (2, None)
    assert summarize(stranger_audit(engine).problems) == [("void", 1)]
