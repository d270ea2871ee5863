"""Read the state again that a new database takes from the registry."""

from dataclasses import replace

from engine.audit.record_cache import Records
from engine.domain.errors import PromotionError
from engine.domain.status import EnvironmentStatus
from engine.execution.runner import Runner
from engine.execution.status import read_status


def rebuild_state(runner: Runner, records: Records) -> tuple[tuple[EnvironmentStatus, int], ...]:
    """
    Copy all records into `records` again, and keep the head of each ledger.

    The copy of a ledger that cannot be read stays.

    Returns the status of each environment and the number of its records. A ledger that cannot be
    read, or that is older than the head seen before, is a row with its error. RegistryError if none
    can be read, StoreUnavailableError without the database.
    """
    for name in [name for name in runner.path.names if _has_readable_head(runner, name)]:
        records.store.forget(name)
    while not records.refresh() and records.missing().keys() - records.errors.keys():
        pass
    counted: dict[str, int] = {}
    for (name, _), number in records.store.count().items():
        counted[name] = counted.get(name, 0) + number
    rows = read_status(runner, runner.path.environments)
    return tuple((_checked(runner, records, row), counted.get(row.name, 0)) for row in rows)


def _has_readable_head(runner: Runner, name: str) -> bool:
    try:
        runner.ledger.head(name)
    except PromotionError:
        return False
    return True


def _checked(runner: Runner, records: Records, row: EnvironmentStatus) -> EnvironmentStatus:
    error = row.error or records.errors.get(row.name)
    if error is None:
        try:
            _keep_head(runner, row.name)
        except PromotionError as problem:
            error = problem
    return replace(row, error=error)


def _keep_head(runner: Runner, name: str) -> None:
    known = runner.heads.known(name)
    head = runner.ledger.head(name)
    runner.rewind_guard.check(name, head, known)
    if head is not None:
        runner.rewind_guard.remember(head)
