"""A registry that takes longer than viewers wait: they see the rows of the last reading."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from engine.bootstrap.server import open_records
from engine.config import load_config
from tests.web.stage import Stage, stage_in
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
