"""Every store keeps events, and the output, durations and signatures of gates."""

from datetime import timedelta

import pytest

from engine.domain.change import ChangeState
from engine.domain.gate import GateKind
from tests.store.stores import NOON, change, crowd


def test_events_have_consecutive_numbers_and_say_what_was_noted(store, clock):
    first = store.add(change(), None, [("submitted", {"by": "alice"})])
    clock.time += timedelta(microseconds=1)
    store.add_events(first.id, [("gate_started", {"gate": "tests"}), ("gate_finished", {"n": 1.5})])
    store.move(first, first.moved(ChangeState.BLOCKED), [("blocked", {"why": "half \ud83d"})])
    store.add_events(first.id, [])

    events = store.events(0)

    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert {event.change_id for event in events} == {first.id}
    assert [event.kind for event in events] == [
        "submitted",
        "gate_started",
        "gate_finished",
        "blocked",
    ]
    assert [event.at - NOON for event in events][:2] == [timedelta(0), timedelta(microseconds=1)]
    assert [event.details for event in events][2:] == [{"n": 1.5}, {"why": "half ?"}]
    assert store.events(1, limit=2) == events[1:3]
    assert store.events(4) == store.events(0, limit=0) == store.events(0, limit=-1) == ()


def test_the_story_of_a_change_is_its_own_events_in_their_order(store):
    mine, other = store.add(change("v1.2.3"), None), store.add(change("v1.2.4"), None)
    for number in range(3):
        store.add_events(mine.id, [("mine", {"n": number})])
        store.add_events(other.id, [("other", {})])

    story = store.events_of(mine.id)

    assert [(event.kind, event.details) for event in story] == [
        ("mine", {"n": 0}),
        ("mine", {"n": 1}),
        ("mine", {"n": 2}),
    ]
    assert store.events_of("c-none") == ()


def test_what_was_there_already_makes_no_events(store):
    store.add(change("v1.2.3"), "key", [("submitted", {})])

    store.add(change("v1.2.3"), "key", [("submitted", {})])

    assert len(store.events(0)) == 1


@pytest.mark.requirement("SL-002")
def test_reader_of_the_feed_gets_every_event(store):
    def write(writer: int) -> None:
        for number in range(25):
            notes = [(str(writer), {"number": number, "part": part}) for part in (0, 1)]
            store.add_events(f"c-{writer}", notes)

    followed = []
    with crowd(4) as pool:
        writers = [pool.submit(write, writer) for writer in range(4)]
        while len(followed) < 200:
            ended = all(writer.done() for writer in writers)
            found = store.events(len(followed), limit=7)
            assert found or not ended
            followed.extend(found)

    assert [event.sequence for event in followed] == list(range(1, 201))
    for writer in range(4):
        own = [event.details["number"] for event in followed if event.kind == str(writer)]
        assert own == sorted(own)


def test_outputs_are_kept_apart_and_bounded(store):
    store.keep_output("c-1", GateKind.TESTS, b"first")
    store.keep_output("c-1", GateKind.TESTS, b"\x00\xff second")
    store.keep_output("c-1", GateKind.SECURITY_SCAN, b"")
    store.keep_output("c-2", GateKind.TESTS, b"head" + b"-" * 2**20 + b"tail")

    long = store.output("c-2", GateKind.TESTS)

    assert store.output("c-1", GateKind.TESTS) == b"\x00\xff second"
    assert store.output("c-1", GateKind.SECURITY_SCAN) == b""
    assert store.output("c-1", GateKind.COST_ANALYSIS) is None
    assert long is not None
    assert (long[:4], long[-4:]) == (b"head", b"tail")
    assert len(long) <= 64 * 1024


def test_the_newest_twenty_runs_of_a_gate_are_known(store):
    for number in range(30):
        store.keep_gate_seconds("prod", GateKind.TESTS, number + 0.5)
    store.keep_gate_seconds("prod", GateKind.SECURITY_SCAN, 3.0)

    known = store.gate_seconds("prod", GateKind.TESTS)

    assert known == tuple(number + 0.5 for number in range(29, 9, -1))
    assert store.gate_seconds("prod", GateKind.SECURITY_SCAN) == (3.0,)
    assert store.gate_seconds("staging", GateKind.TESTS) == ()


@pytest.mark.requirement("FR-022")
def test_a_verification_is_recalled_by_what_it_depends_on(store):
    store.remember("digest+settings", {"mode": "key", "when": None}, NOON)
    store.remember("digest+settings", {"mode": "keyless"}, NOON)

    assert store.recall("digest+settings") == {"mode": "keyless"}
    assert store.recall("digest+other settings") is None


def test_older_events_of_a_kind_are_removed_beyond_the_number_to_keep(store):
    mine, other = store.add(change("v1.2.3"), None), store.add(change("v1.2.4"), None)
    for each in (mine, other):
        store.add_events(each.id, [("gate_started", {}), ("report", {"n": -1})])

    for number in range(5):
        store.add_events(mine.id, [("report", {"n": number})], keep=3)

    kept = [(event.kind, event.details.get("n")) for event in store.events_of(mine.id)]
    assert kept == [("gate_started", None), ("report", 2), ("report", 3), ("report", 4)]
    assert len(store.events_of(other.id)) == 2
