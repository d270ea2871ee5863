"""The retention of the store."""

from datetime import timedelta

import pytest

from engine.adapters.store import Retention, SqlStore
from engine.domain.gate import GateKind
from tests.store.databases import Databases
from tests.store.stores import NOON, change

HOUR = timedelta(hours=1)


def counts(databases: Databases, *tables: str) -> list[int]:
    with databases.state().read() as db:
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def test_what_is_old_goes_in_passing_and_what_is_open_stays(databases, clock, store):
    opened = store.add(change(), "key-1", [("submitted", {})])
    store.keep_output(opened.id, GateKind.TESTS, b"kept")
    store.keep_output("c-ended", GateKind.TESTS, b"old")
    store.remember("old", {}, NOON)
    tables = ("keys", "events", "outputs", "verifications")
    clock.time += timedelta(days=30)
    store.add(change(), None)
    after_a_month = counts(databases, *tables)
    clock.time += timedelta(days=61)

    store.add(change(), None)

    assert after_a_month == [0, 1, 2, 1]
    assert counts(databases, *tables) == [0, 0, 1, 0]
    assert store.output(opened.id, GateKind.TESTS) == b"kept"
    assert store.get(opened.id) == opened


def test_old_outputs_go_where_no_change_is_ever_added(databases, clock, store):
    store.keep_output("a" * 32, GateKind.TESTS, b"old")
    clock.time += timedelta(days=91)

    store.keep_output("b" * 32, GateKind.TESTS, b"new")

    assert counts(databases, "outputs") == [1]
    assert store.output("b" * 32, GateKind.TESTS) == b"new"


def test_clearing_away_is_bounded_and_the_feed_never_counts_anew(databases, clock, store):
    store = SqlStore(databases.state(), clock, Retention(events=720 * HOUR))
    for _ in range(3):
        store.add_events("c-1", [("noted", {})] * 100)
    clock.time += 721 * HOUR

    left = []
    for _ in range(3):
        store.add(change(), None)
        left += counts(databases, "events")
    store.add_events("c-1", [("noted", {})])

    assert left == [100, 0, 0]
    assert [event.sequence for event in store.events(0)] == [301]


@pytest.mark.parametrize("short", [{"keys": 23 * HOUR}, {"events": 719 * HOUR}])
def test_a_retention_below_what_is_promised_is_refused(short):
    with pytest.raises(ValueError, match="at least"):
        Retention(**short)
