"""Entries that others replaced, removed or added are found, by name and place."""

from pathlib import Path

import pytest

from engine.api import Engine
from tests.conftest import Place
from tests.scenarios.audited import messages, promote_versions, stranger_audit, summarize
from tests.scenarios.engines import engine_on
from tests.scenarios.tampering import ENTRY, HEAD, OPERATOR, Hand, as_mallory

pytestmark = pytest.mark.requirement("FR-026")


def test_link_to_a_missing_entry_is_found(hand: Hand, engine: Engine) -> None:
    nowhere = f"sha256:{'0' * 64}"
    links = {"dev.floe.ledger.previous": nowhere, "dev.floe.ledger.ancestors": f"4={nowhere}"}
    hand.put(hand.edited(HEAD, lambda m: m["annotations"].update(links)), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 4), ("missing", 3), ("unrecorded", tag(4))]
    assert "Entry 4 of staging was replaced: the chain links to sha256:000000000000" in messages(
        found
    )
    assert "Entries 1 to 3 of staging are no longer proven by the head" in messages(found)
    assert found.entries == 1


def test_link_list_that_does_not_follow_is_found(hand: Hand, engine: Engine) -> None:
    fourth, third = (hand.manifest(f"{ENTRY}.{place}").digest for place in (4, 3))
    links = {"dev.floe.ledger.ancestors": f"4={fourth},3={third}"}
    hand.put(hand.edited(HEAD, lambda m: m["annotations"].update(links)), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "its list of links does not follow" in messages(found)


def test_links_of_the_head_win_over_older_links(hand: Hand, engine: Engine) -> None:
    fourth, first = (hand.manifest(f"{ENTRY}.{place}").digest for place in (4, 1))
    links = {"dev.floe.ledger.ancestors": f"4={fourth},2={first}"}
    hand.put(hand.edited(HEAD, lambda m: m["annotations"].update(links)), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems)[:3] == [("altered", 5), ("fork", 2), ("gap", 2)]


def test_skipped_entry_is_a_gap(hand: Hand, engine: Engine) -> None:
    third = hand.manifest(f"{ENTRY}.3").digest
    links = {"dev.floe.ledger.previous": str(third), "dev.floe.ledger.ancestors": f"3={third}"}
    hand.put(hand.edited(HEAD, lambda m: m["annotations"].update(links)), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("gap", 5)]
    assert "Entry 5 of staging skips the entry before it (its nearest link is entry 3)" in messages(
        found
    )
    assert found.entries == 4


def test_entry_in_place_of_another_is_a_gap(hand: Hand, engine: Engine) -> None:
    third = hand.manifest(f"{ENTRY}.3").digest
    links = {"dev.floe.ledger.previous": str(third), "dev.floe.ledger.ancestors": f"4={third}"}
    hand.put(hand.edited(HEAD, lambda m: m["annotations"].update(links)), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert ("gap", 4) in summarize(found.problems)
    assert "Entry 4 of staging has the number 3" in messages(found)


def test_entry_rewritten_under_its_tag_is_a_fork(hand: Hand, engine: Engine) -> None:
    linked = hand.manifest(f"{ENTRY}.3").digest
    forged = hand.rewritten(f"{ENTRY}.3", as_mallory, lambda a: a.update({OPERATOR: "mallory"}))
    hand.put(forged, f"{ENTRY}.3")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("fork", 3)]
    assert (
        f"the chain links to {linked.short}, and its tag points to {forged.digest.short}"
        in messages(found)
    )
    assert found.entries == 5


def test_replaced_entry_is_altered(hand: Hand, engine: Engine) -> None:
    forged = hand.rewritten(f"{ENTRY}.3", as_mallory, lambda a: a.update({OPERATOR: "mallory"}))
    hand.remove_manifest(f"{ENTRY}.3")
    hand.put(forged, f"{ENTRY}.3")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 3), ("unrecorded", tag(3))]
    assert "Entry 3 of staging was replaced" in messages(found)
    assert found.entries == 4


def test_swapped_entries_are_forks(hand: Hand, engine: Engine) -> None:
    second, third = hand.manifest(f"{ENTRY}.2"), hand.manifest(f"{ENTRY}.3")
    hand.put(second, f"{ENTRY}.3")
    hand.put(third, f"{ENTRY}.2")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("fork", 3), ("fork", 2)]
    assert found.entries == 5


def test_second_successor_of_an_entry_is_a_void(hand: Hand, engine: Engine) -> None:
    sequence = {"dev.floe.ledger.sequence": "6", "dev.floe.state.sequence": "6"}
    forged = hand.edited(HEAD, lambda m: m["annotations"].update(sequence))
    hand.put(forged, f"{ENTRY}.6")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("void", 6)]
    assert "does not continue the ledger" in messages(found)
    assert found.entries == 5


def test_foreign_manifest_under_the_next_tag_is_found(hand: Hand, engine: Engine) -> None:
    hand.point(f"{ENTRY}.6", at="v1.0.1-dev")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("void", 6)]
    assert "Number 6 of staging is occupied by" in messages(found)
    assert found.entries == 5


def test_missing_entry_is_found(hand: Hand, engine: Engine) -> None:
    hand.remove_manifest(f"{ENTRY}.3")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("missing", 3), ("unrecorded", tag(3))]
    assert found.entries == 4


def test_lost_entry_lists_the_entries_it_leaves_unproven(hand: Hand, engine: Engine) -> None:
    hand.remove_manifest(f"{ENTRY}.4")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("missing", 4), ("missing", 3), ("unrecorded", tag(4))]
    assert "Entries 1 to 3 of staging are no longer proven by the head" in messages(found)
    assert found.entries == 1


def test_several_lost_entries_are_all_named(hand: Hand, engine: Engine) -> None:
    for place in (1, 3, 4):
        hand.remove_manifest(f"{ENTRY}.{place}")

    found = stranger_audit(engine)

    # Entry 4 with the entries it leaves unproven, then 3 and 1.
    assert summarize(found.problems) == [
        ("missing", 4),
        ("missing", 3),
        ("missing", 3),
        ("missing", 1),
        *(("unrecorded", tag(number)) for number in (1, 3, 4)),
    ]


def test_head_that_is_no_entry_is_found(hand: Hand, engine: Engine) -> None:
    hand.point(HEAD, at="v1.0.1-dev")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", None)]
    assert "is not at an entry that counts (it is not a ledger entry" in messages(found)
    assert found.entries == 5


def test_entry_without_its_tag_is_found(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path) as engine:
        promote_versions(layout, engine)
        Hand(layout).remove_tag(f"{ENTRY}.3")

        found = stranger_audit(engine)

    assert summarize(found.problems) == [("missing", 3)]
    assert "lost its tag" in messages(found)
    assert found.entries == 5


def test_head_without_its_tag_is_found(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path) as engine:
        promote_versions(layout, engine)
        Hand(layout).remove_tag(HEAD)

        found = stranger_audit(engine)

    assert summarize(found.problems) == [("missing", None)]
    assert "The head tag of staging is missing, and its newest entry is 5" in messages(found)
    assert found.entries == 5


def tag(number: int) -> str:
    return f"v1.0.{number}-staging"
