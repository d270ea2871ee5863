"""The retention of the SQLite store."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.store import Retention
from engine.domain.gate import GateKind
from tests.store.stores import NOON, HandClock, change, sqlite_store

HOUR = timedelta(hours=1)


def counts(file: Path, *tables: str) -> list[int]:
    with closing(sqlite3.connect(file)) as db:
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def test_what_is_old_goes_in_passing_and_what_is_open_stays(tmp_path):
    clock = HandClock()
    with sqlite_store(tmp_path, clock=clock) as store:
        opened = store.add(change(), "key-1", [("submitted", {})])
        store.keep_output(opened.id, GateKind.TESTS, b"kept")
        store.keep_output("c-ended", GateKind.TESTS, b"old")
        store.remember("old", {}, NOON)
        tables = ("keys", "events", "outputs", "verifications")
        clock.time += timedelta(days=30)
        store.add(change(), None)
        after_a_month = counts(tmp_path / "store.db", *tables)
        clock.time += timedelta(days=61)

        store.add(change(), None)

        assert after_a_month == [0, 1, 2, 1]
        assert counts(tmp_path / "store.db", *tables) == [0, 0, 1, 0]
        assert store.output(opened.id, GateKind.TESTS) == b"kept"
        assert store.get(opened.id) == opened


def test_old_outputs_go_where_no_change_is_ever_added(tmp_path):
    clock = HandClock()
    with sqlite_store(tmp_path, clock=clock) as store:
        store.keep_output("a" * 32, GateKind.TESTS, b"old")
        clock.time += timedelta(days=91)

        store.keep_output("b" * 32, GateKind.TESTS, b"new")

        assert counts(tmp_path / "store.db", "outputs") == [1]
        assert store.output("b" * 32, GateKind.TESTS) == b"new"


def test_clearing_away_is_bounded_and_the_feed_never_counts_anew(tmp_path):
    clock = HandClock()
    with sqlite_store(tmp_path, clock=clock, keep=Retention(events=720 * HOUR)) as store:
        for _ in range(3):
            store.add_events("c-1", [("noted", {})] * 100)
        clock.time += 721 * HOUR

        left = []
        for _ in range(3):
            store.add(change(), None)
            left += counts(tmp_path / "store.db", "events")
        store.add_events("c-1", [("noted", {})])

        assert left == [100, 0, 0]
        assert [event.sequence for event in store.events(0)] == [301]


@pytest.mark.parametrize("short", [{"keys": 23 * HOUR}, {"events": 719 * HOUR}])
def test_a_retention_below_what_is_promised_is_refused(short):
    with pytest.raises(ValueError, match="at least"):
        Retention(**short)
