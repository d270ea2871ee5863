"""Writers that claim entries in a database, and die before they create the tag."""

import logging
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.store.entry_claims import SqlEntryClaims
from engine.api import Engine
from engine.domain.ledger import LedgerEntry
from tests.conftest import Place
from tests.scenarios.engines import ProgressLog, TickingClock, promote, with_parts
from tests.store.databases import entries_database


class FastClock(TickingClock):
    """Each reading is ten seconds later, so that claims are neglected soon."""

    def now(self) -> datetime:
        self.time += timedelta(seconds=10)
        return self.time


class Killed(Exception):
    """Ends a writer at once."""


class Mortal(RegistryLedger):
    """A ledger whose writer is killed before it creates the tag of an entry."""

    def create(self, entry: LedgerEntry) -> None:
        raise Killed


def claims_in(
    folder: Path, place: Place, kind: type[SqlEntryClaims] = SqlEntryClaims
) -> SqlEntryClaims:
    return kind(entries_database(folder), place.registry.reference, FastClock())


def kill_after_the_claim(engine: Engine, version: str) -> None:
    mortal = with_parts(engine, ledger=Mortal(engine.runner.registry))
    with pytest.raises(Killed):
        promote(mortal, version, "staging")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def assert_sound(engine: Engine) -> None:
    (found,) = engine.verify("staging", ProgressLog()).environments
    assert found.problems == ()
