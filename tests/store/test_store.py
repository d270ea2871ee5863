"""Every store keeps each change once, also with concurrent callers."""

import threading
from datetime import timedelta

import pytest

from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended, Fingerprint, StoredFinding
from engine.domain.errors import ConflictError
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.record import SignatureStatus
from engine.domain.record_base import ApprovalRecord
from tests.store.stores import ALICE, NOON, change, crowd, executing, ids


def whole() -> Change:
    """A change with everything it can have."""
    agreed = ApprovalRecord(
        operator="bob@acme.com",
        operator_id="slack:T1/U2",
        identity_source=ALICE.source,
        authorized_via="group release-managers",
        approved_at=NOON + timedelta(microseconds=1),
        interface="slack",
    )
    prints = Fingerprint(
        digest="sha256:" + "a" * 64,
        action="promote",
        version="v1.2.3",
        source="staging",
        target="prod",
        running_version=None,
        running_digest=None,
        configuration="sha256:" + "b" * 64,
        verdicts={"tests": "passed"},
    )
    gate = GateResult(gate=GateKind.TESTS, status=GateStatus.FAILED, error="exit 1 – “no”\u2028")
    return change(
        "v1.2.3",
        reason="because\nof ünïcode 🚢",
        expires_at=NOON + timedelta(hours=4),
        required=1,
        groups=("release-managers",),
        approvals=(agreed,),
        approvers=(ALICE,),
        fingerprint=prints,
        findings=(StoredFinding(check="lock", outcome="passed", reason="unlocked"),),
        gate_results=(gate,),
        signature=SignatureStatus(enforcement="warn", mode="key", fingerprint="f"),
        warnings=("one",),
        ended=Ended(reason_code="stale", message="it is", exit_code=15),
        context={"channel": "C1", "nested": [1, 2.5, None, {"a": True}]},
    )


def test_a_change_comes_back_as_it_was_given(store):
    given = whole()

    store.add(given, None)

    assert store.get(given.id) == given
    assert store.get("c-unknown") is None


@pytest.mark.requirement("SL-005")
def test_the_same_key_gives_the_same_change_even_after_its_end(store):
    first = store.add(change(), "click-1")
    store.move(first, first.moved(ChangeState.CANCELLED))

    again = store.add(change(), "click-1")

    assert again.id == first.id
    assert again.state is ChangeState.CANCELLED
    assert len(store.recent(10)) == 1


@pytest.mark.requirement("SL-005")
def test_another_key_for_an_open_change_stands_for_that_change(store):
    first = store.add(change("v1.2.3"), "click-1")
    second = store.add(change("v1.2.3"), "click-2")
    store.move(first, first.moved(ChangeState.CANCELLED))

    third = store.add(change("v1.2.3"), "click-2")

    assert ids([first, second, third]) == [first.id] * 3


def test_a_key_is_good_for_a_day_and_then_may_be_used_again(store, clock):
    first = store.add(change(), "click-1")
    clock.time += timedelta(hours=24)
    in_a_day = store.add(change(), "click-1")
    clock.time += timedelta(seconds=1)

    later = store.add(change(), "click-1")

    assert in_a_day.id == first.id
    assert later.id != first.id
    assert store.add(change(), "click-1").id == later.id


def test_the_same_is_asked_once_while_it_is_open(store):
    first = store.add(change("v1.2.3"), None)

    twin = store.add(change("v1.2.3"), None)
    others = [
        store.add(change("v1.2.4"), None),
        store.add(change("v1.2.3", target="staging"), None),
        store.add(change("v1.2.3", action="rollback"), None),
    ]
    store.move(first, first.moved(ChangeState.BLOCKED))
    anew = store.add(change("v1.2.3"), None)

    assert twin.id == first.id
    assert len({first.id, anew.id, *ids(others)}) == 5


def test_an_id_that_is_taken_is_refused_and_nothing_is_lost(store):
    first = store.add(change(), None)

    with pytest.raises(ConflictError, match=f"another change {first.id} already"):
        store.add(change(id=first.id), "key")

    assert store.get(first.id) == first


@pytest.mark.requirement("AP-002")
def test_fifty_clicks_have_one_effect(store):
    waiting = store.add(change(state=ChangeState.AWAITING_APPROVAL), None)
    gate = threading.Barrier(50)

    def click(number: int) -> bool:
        fields = {"context": {"by": number}}
        gate.wait()
        moved = waiting.moved(ChangeState.EXECUTING, **fields)
        return store.move(waiting, moved, [("approved", {"by": number})])

    with crowd(50) as pool:
        won = list(pool.map(click, range(50)))

    winner = won.index(True)
    assert sum(won) == 1
    kept = store.get(waiting.id)
    assert kept is not None
    assert (kept.revision, kept.context) == (2, {"by": winner})
    assert [event.details for event in store.events(0)] == [{"by": winner}]


@pytest.mark.requirement("SL-005")
@pytest.mark.parametrize("key", ["click-1", None])
def test_of_many_who_ask_the_same_at_once_one_adds(store, key):
    gate = threading.Barrier(16)

    def ask(_: int) -> Change:
        asked = change("v1.2.3")
        gate.wait()
        return store.add(asked, key, [("submitted", {})])

    with crowd(16) as pool:
        answers = list(pool.map(ask, range(16)))

    assert len(set(ids(answers))) == 1
    assert ids(store.recent(10)) == [answers[0].id]
    assert len(store.events(0)) == 1


def test_a_move_from_another_state_does_nothing(store):
    first = store.add(change(), None)
    second = executing(store, first)

    late = store.move(first, first.moved(ChangeState.CANCELLED), [("cancelled", {})])
    unknown = change()

    assert not late
    assert not store.move(unknown, unknown.moved(ChangeState.CANCELLED))
    assert store.get(first.id) == second
    assert store.events(0) == ()


def test_a_move_from_an_older_revision_of_the_same_state_does_nothing(store):
    first = store.add(change(), None)
    second = first.moved(ChangeState.CHECKING, warnings=("meanwhile",))
    store.move(first, second)

    late = store.move(first, first.moved(ChangeState.CANCELLED))

    assert not late
    assert store.get(first.id) == second


@pytest.mark.parametrize("revision", [1, 3])
def test_a_move_that_would_break_the_count_of_revisions_is_refused(store, revision):
    first = store.add(change(), None)

    with pytest.raises(ValueError, match="not the next one"):
        store.move(first, first.model_copy(update={"revision": revision}))


def test_open_changes_are_listed_oldest_first(store):
    first, second = store.add(change(), None), store.add(change(), None)
    there = store.add(change(target="staging"), None)
    ended = store.add(change(), None)
    store.move(ended, ended.moved(ChangeState.FAILED))
    second = executing(store, second)

    assert store.open() == (first, second, there)
    assert store.open("staging") == (there,)
    assert store.open("nowhere") == ()


def test_recent_changes_are_paged_newest_first(store):
    added = [store.add(change(), None) for _ in range(5)]
    ended = added[1].moved(ChangeState.CANCELLED)
    store.move(added[1], ended)

    first = store.recent(2)
    second = store.recent(2, before=first[-1].id)

    assert ids(first + second) == ids(added[:0:-1])
    assert second[-1] == ended
    assert ids(store.recent(9, before=second[-1].id)) == [added[0].id]
    assert store.recent(9, before=added[0].id) == ()
    assert store.recent(0) == store.recent(-1) == store.recent(9, before="c-unknown") == ()
