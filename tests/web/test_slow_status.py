"""While the registry or the store does not answer, viewers see the last reading."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from engine.bootstrap.server import open_records
from engine.config import load_config
from tests.web.stage import BOB, Stage, signed_in, stage_in
from web.status_cache import RECENT, Board

_THREADS = 16


@contextmanager
def every_thread_busy(stage: Stage) -> Iterator[None]:
    """The engine's reads wait, as they do for a registry that does not answer."""
    go_on = threading.Event()
    busy = [stage.platform.engine.submit(go_on.wait, 60) for _ in range(_THREADS)]
    try:
        yield
    finally:
        go_on.set()
        for each in busy:
            each.result()


@pytest.mark.parametrize(("recent", "warned"), [(RECENT, False), (timedelta(0), True)])
def test_only_old_rows_of_a_slow_registry_have_a_warning(
    tmp_path: Path, recent: timedelta, warned: bool
) -> None:
    with stage_in(tmp_path) as stage:
        config = load_config(stage.folder / "manifest.yaml", {})
        with open_records(config, stage.platform.engine) as records:
            board = Board(stage.platform, records, recent)
            stage.publish("v1.0.0")
            stage.ask("v1.0.0", "staging")
            before = board.look()
            board.expire()

            with every_thread_busy(stage):
                seen = board.look()

            assert seen.rows == before.rows
            assert bool(seen.error) is warned
            assert board.look().error is None


@pytest.mark.requirement("WB-001")
def test_change_is_shown_as_last_known_while_the_store_cannot_be_read(
    behind_proxy: Stage,
) -> None:
    behind_proxy.publish("v1.0.0", "v2.0.0")
    ended = behind_proxy.ask("v1.0.0", "staging")
    unseen = behind_proxy.ask("v2.0.0", "staging")
    waiting = behind_proxy.ask("v1.0.0", "prod")
    before = {c: behind_proxy.get(f"/changes/{c}", BOB) for c in (ended.id, waiting.id)}

    with closing(sqlite3.connect(behind_proxy.folder / ".floe" / "store.db")) as db, db:
        db.execute("ALTER TABLE changes RENAME TO elsewhere")
    after = {c: behind_proxy.get(f"/changes/{c}", BOB) for c in (ended.id, waiting.id)}
    unknown = behind_proxy.client.get(f"/changes/{unseen.id}", headers=signed_in(BOB))
    with closing(sqlite3.connect(behind_proxy.folder / ".floe" / "store.db")) as db, db:
        db.execute("ALTER TABLE elsewhere RENAME TO changes")

    assert "Approve v1.0.0 for prod" in before[waiting.id]
    assert ">promoted</span>" in after[ended.id]
    assert ">awaiting approval</span>" in after[waiting.id]
    assert all("This change as last known" in page for page in after.values())
    assert "Approve v1.0.0 for prod" not in after[waiting.id]
    assert (unknown.status_code, "Temporarily unavailable" in unknown.text) == (503, True)
    assert "as last known" not in behind_proxy.get(f"/changes/{waiting.id}", BOB)
