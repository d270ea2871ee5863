"""A short hostile day; `python -m bench --full Nemesis` plays three long ones."""

from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install 'floe[postgres]'")

from tests.nemesis.day import Day
from tests.nemesis.report import sentences
from tests.peers.postgres import postgres
from tests.store.databases import new_schema


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_repeated_on_a_hostile_day(tmp_path: Path, registry_host: str) -> None:
    with postgres() as server:
        day = Day(tmp_path, registry_host, server, new_schema(), depth=2, longest=4, troubles=6)
        outcome = day.play()

    print("\n".join(sentences(outcome)))
    assert outcome.nemesis.happened.total() > 3
