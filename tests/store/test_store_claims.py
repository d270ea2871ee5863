"""A change is worked on by one at a time, one per environment, and environments take turns."""

import threading
from datetime import timedelta

import pytest

from engine.domain.change import Change, ChangeState
from tests.store.stores import MINUTE, NOON, change, crowd, executing, ids

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_only_what_needs_work_is_claimed(store):
    waiting = store.add(change(target="dev"), None)
    store.move(waiting, waiting.moved(ChangeState.AWAITING_APPROVAL))
    ended = store.add(change(target="staging"), None)
    store.move(ended, ended.moved(ChangeState.CANCELLED))
    checking = store.add(change(), None)
    first = store.claim("w1", NOON, MINUTE)
    store.release(checking.id, "w1")
    moved = executing(store, checking)

    second = store.claim("w1", NOON, MINUTE)

    assert (first, second) == (checking, moved)
    assert store.claim("w2", NOON, MINUTE) is None


def test_one_change_per_environment_is_worked_on(store):
    added = [store.add(change(target=target), None) for target in ("prod", "prod", "dev")]

    claimed = [store.claim(f"w{number}", NOON, MINUTE) for number in range(3)]

    assert claimed == [added[0], added[2], None]


def test_a_released_change_may_be_taken_at_once(store):
    only = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)
    store.release(only.id, "w2")
    not_theirs = store.claim("w2", NOON, MINUTE)

    store.release(only.id, "w1")

    assert not_theirs is None
    assert store.claim("w2", NOON, MINUTE) == only


def test_environments_take_turns_however_many_changes_one_has(store):
    for number in range(3):
        store.add(change(f"v1.0.{number}", target="dev"), None)
    for number in range(2):
        store.add(change(f"v1.0.{number}", target="staging"), None)
    store.add(change("v1.0.0", target="prod"), None)

    served = []
    while claimed := store.claim("w1", NOON, MINUTE):
        served.append(f"{claimed.target} {claimed.version}")
        store.move(claimed, claimed.moved(ChangeState.FAILED))
        store.release(claimed.id, "w1")

    assert served == [
        "dev v1.0.0",
        "staging v1.0.0",
        "prod v1.0.0",
        "dev v1.0.1",
        "staging v1.0.1",
        "dev v1.0.2",
    ]


def test_a_change_that_cannot_be_finished_does_not_keep_out_the_others(store):
    stuck = store.add(change(), None)
    other = store.add(change(), None)

    served = []
    for _ in range(3):
        claimed = store.claim("w1", NOON, MINUTE)
        store.release(claimed.id, "w1")
        served.append(claimed)
    late = store.add(change(), None)

    assert served == [stuck, other, stuck]
    assert ids(store.open()) == ids([stuck, other, late])
    assert store.claim("w1", NOON, MINUTE) == other


def test_a_claim_that_ran_out_is_taken_over_and_lost(store):
    only = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)

    early = store.claim("w2", NOON + MINUTE - SECOND, MINUTE)
    taken = store.claim("w2", NOON + MINUTE, MINUTE)

    assert (early, taken) == (None, only)
    assert not store.renew(only.id, "w1", NOON + MINUTE, MINUTE)
    store.release(only.id, "w1")
    assert store.claim("w3", NOON + MINUTE, MINUTE) is None
    assert store.renew(only.id, "w2", NOON + MINUTE, MINUTE)


def test_a_renewed_claim_lasts_from_then_on(store):
    only = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)

    renewed = store.renew(only.id, "w1", NOON + 2 * MINUTE, MINUTE)

    assert renewed
    assert store.claim("w2", NOON + 3 * MINUTE - SECOND, MINUTE) is None
    assert store.claim("w2", NOON + 3 * MINUTE, MINUTE) == only


def test_an_unknown_claim_cannot_be_renewed(store):
    only = store.add(change(), None)

    assert not store.renew(only.id, "w1", NOON, MINUTE)


def test_a_change_that_ended_under_its_worker_keeps_the_environment_until_released(store):
    cancelled = store.add(change(), None)
    following = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)
    store.move(cancelled, cancelled.moved(ChangeState.CANCELLED))

    meanwhile = store.claim("w2", NOON, MINUTE)
    store.release(cancelled.id, "w1")

    assert meanwhile is None
    assert store.claim("w2", NOON, MINUTE) == following


@pytest.mark.requirement("AP-002")
@pytest.mark.parametrize("back", [SECOND, HOUR])
def test_a_clock_put_back_takes_nothing_from_a_living_worker(store, back):
    only = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)

    for seconds in range(0, 300, 20):
        now = NOON - back + seconds * SECOND
        assert store.renew(only.id, "w1", now, MINUTE)
        assert store.claim("w2", now + 10 * SECOND, MINUTE) is None


def test_a_clock_put_back_gives_a_silent_worker_its_time_once_more_and_no_longer(store):
    only = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)
    put_back = NOON - HOUR

    soon = [store.claim("w2", put_back + seconds * SECOND, MINUTE) for seconds in (0, 30, 59)]
    taken = store.claim("w2", put_back + MINUTE, MINUTE)

    assert soon == [None] * 3
    assert taken == only
    assert not store.renew(only.id, "w1", put_back + MINUTE, MINUTE)


def test_a_clock_put_back_again_and_again_ends_no_claim_early_or_never(store):
    only = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)

    looks = [store.claim("w2", NOON - hours * HOUR, MINUTE) for hours in range(1, 5)]
    half = store.claim("w2", NOON - 4 * HOUR + MINUTE / 2, MINUTE)
    taken = store.claim("w2", NOON - 4 * HOUR + MINUTE, MINUTE)

    assert [*looks, half] == [None] * 5
    assert taken == only


def test_a_worker_that_renewed_is_not_doubted_any_more(store):
    only = store.add(change(), None)
    store.claim("w1", NOON, MINUTE)
    store.claim("w2", NOON - HOUR, MINUTE)
    store.renew(only.id, "w1", NOON - HOUR / 2, MINUTE)

    put_back_once_more = store.claim("w2", NOON - HOUR / 2 - SECOND, MINUTE)

    assert put_back_once_more is None


def test_a_caller_with_an_old_time_ends_no_claim(store):
    only = store.add(change(), None)
    store.claim("w1", NOON - HOUR, MINUTE)
    store.renew(only.id, "w1", NOON, MINUTE)

    old = store.claim("w2", NOON - HOUR, MINUTE)
    good = store.claim("w2", NOON + SECOND, MINUTE)
    old_again = store.claim("w2", NOON - HOUR + MINUTE, MINUTE)

    assert (old, good, old_again) == (None, None, None)


@pytest.mark.requirement("AP-002")
def test_many_workers_share_the_work_and_no_environment_has_two(store):
    for number in range(40):
        store.add(change(f"v1.0.{number}", target=f"env-{number % 4}"), None)
    busy: list[str] = []
    together: list[list[str]] = []
    done: list[str] = []
    lock = threading.Lock()

    def settle(worker: str, claimed: Change) -> None:
        with lock:
            busy.append(claimed.target)
            together.append(list(busy))
        assert store.move(claimed, claimed.moved(ChangeState.FAILED))
        with lock:
            busy.remove(claimed.target)
            done.append(claimed.id)
        store.release(claimed.id, worker)

    def work(worker: str) -> None:
        while store.open():
            claimed = store.claim(worker, NOON, MINUTE)
            if claimed:
                settle(worker, claimed)

    with crowd(6) as pool:
        for worker in [pool.submit(work, f"w{number}") for number in range(6)]:
            worker.result()

    assert len(done) == len(set(done)) == 40
    assert all(len(targets) == len(set(targets)) for targets in together)


def test_a_command_claims_the_change_it_is_about_or_nothing(store):
    older, other = store.add(change(target="staging"), None), store.add(change(), None)

    mine = store.claim("command", NOON, MINUTE, only=other.id)
    again = store.claim("another", NOON, MINUTE, only=other.id)
    left = store.claim("w1", NOON, MINUTE)

    assert (mine, again, left) == (other, None, older)
