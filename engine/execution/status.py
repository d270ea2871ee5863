"""Read the status of environments from ledgers and tags."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime

from engine.context.restore import version_of
from engine.domain.artifact import Digest
from engine.domain.environment import Environment
from engine.domain.errors import (
    ContentMissingError,
    LedgerUnreadableError,
    RegistryError,
)
from engine.domain.ledger import ChainEnd, LedgerEntry
from engine.domain.path import PromotionPath
from engine.domain.state import EMPTY, lock_in_force
from engine.domain.status import EnvironmentStatus
from engine.domain.windows import Outlook, outlooks
from engine.execution.runner import Runner
from engine.ports.calendars import read_calendars

# Errors of one ledger, with which the registry itself still works.
_OF_ONE_LEDGER = (LedgerUnreadableError, ContentMissingError)


def read_status(
    runner: Runner, environments: tuple[Environment, ...]
) -> tuple[EnvironmentStatus, ...]:
    """
    Read the status of `environments`, two requests each, in parallel.

    An environment that cannot be read is a row with its error. RegistryError if none can be read,
    unless their ledgers are corrupt.
    """
    ends = [runner.pool.submit(runner.ledger.end, each.name) for each in environments]
    latest = [runner.pool.submit(runner.registry.resolve, each.latest) for each in environments]
    now = runner.clock.now()
    rows = tuple(
        replace(_row(runner, each, now, end, tag), after=_after(runner.path, each.name))
        for each, end, tag in zip(environments, ends, latest, strict=True)
    )
    errors = [row.error for row in rows if row.error]
    unreachable = [each for each in errors if not isinstance(each, _OF_ONE_LEDGER)]
    if unreachable and len(errors) == len(rows):
        raise unreachable[0]
    return rows


def _after(path: PromotionPath, name: str) -> str:
    return path.source(name) if path.branches and path.sources(name) else ""


def _row(
    runner: Runner,
    place: Environment,
    now: datetime,
    reading: "Future[ChainEnd]",
    latest: "Future[Digest | None]",
) -> EnvironmentStatus:
    try:
        end, digest = reading.result(), latest.result()
        entry = end.head
        state = entry.state if entry else EMPTY
        lock = lock_in_force(place, state, now)
        synced = runner.secondaries.standing(entry)
        row = EnvironmentStatus(
            place.name,
            state,
            digest,
            lock,
            synced,
            ignored=tuple(sorted(end.voided)),
            untrusted=end.untrusted,
            windows=_windows(runner, place, now),
            waivers=state.waivers_in_force(now),
        )
        return _with_deviating_version(runner, row, entry)
    except RegistryError as error:
        lock = lock_in_force(place, EMPTY, now)
        windows = _windows(runner, place, now)
        return EnvironmentStatus(place.name, EMPTY, None, lock, error=error, windows=windows)


def read_windows(
    runner: Runner, environments: tuple[Environment, ...]
) -> Mapping[str, tuple[Outlook, ...]]:
    """Read the freeze windows of `environments`; those without any have an empty tuple."""
    now = runner.clock.now()
    return {each.name: _windows(runner, each, now) for each in environments}


def _windows(runner: Runner, place: Environment, now: datetime) -> tuple[Outlook, ...]:
    return outlooks(place.windows, read_calendars(runner.calendars, place.windows, now), now)


def _with_deviating_version(
    runner: Runner, row: EnvironmentStatus, head: LedgerEntry | None
) -> EnvironmentStatus:
    """Add the version of a `latest` that deviates from the ledger to `row`."""
    if row.latest is None or not row.deviates:
        return row
    version = version_of(row.latest, row.name, head, runner.path, runner.registry, runner.ledger)
    return replace(row, latest_version=version)
