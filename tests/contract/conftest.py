"""Stores for the contract tests of changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.stores import ChangeStore
from tests.contract.stores import HandClock, sqlite_store


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
