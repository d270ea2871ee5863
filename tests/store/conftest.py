"""Fixtures of the store tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.ports.change_store import ChangeStore
from tests.store.stores import HandClock, sqlite_store


@pytest.fixture
def clock() -> HandClock:
    """The clock of `store`."""
    return HandClock()


@pytest.fixture(params=["sqlite"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> Iterator[ChangeStore]:
    """Every kind of store in turn."""
    assert request.param == "sqlite"
    with sqlite_store(tmp_path / "state", clock=clock) as made:
        yield made


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that any user may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)
