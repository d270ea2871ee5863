"""Fixtures of the store tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.store import SqlStore
from engine.ports.change_store import ChangeStore
from tests.store.databases import Databases
from tests.store.stores import HandClock


@pytest.fixture
def clock() -> HandClock:
    """The clock of `store`."""
    return HandClock()


@pytest.fixture
def store(databases: Databases, clock: HandClock) -> ChangeStore:
    """The store of changes in every kind of database."""
    return SqlStore(databases.state(), clock)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that any user may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)
