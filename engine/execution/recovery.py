"""Find changes that interrupted runs left half done, and complete them."""

import logging
from collections.abc import Collection

from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.domain.ledger import ChainEnd, LedgerEntry
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.release_records import WaiveRecord
from engine.domain.state import EMPTY
from engine.domain.status import EnvironmentStatus
from engine.execution.runner import Runner

_log = logging.getLogger(__name__)
_PAGE = 50


def complete_interrupted(runner: Runner) -> tuple[str, ...]:
    """
    Move `latest` in environments where a run was interrupted; returns their names.

    Called when a server starts. It never raises: a change that cannot be completed is logged, and
    repeating its command completes it.
    """
    completed = []
    for name in runner.path.names:
        try:
            end = runner.ledger.end(name)
            interrupted = end.head and is_behind(runner, name, end)
            if (interrupted or runner.claims.pending(name)) and _complete(runner, name):
                completed.append(name)
        except PromotionError as error:
            _log.warning("cannot check %s for an interrupted change: %s", name, error)
    return tuple(completed)


def is_behind(runner: Runner, name: str, end: ChainEnd, late: Collection[str] = ()) -> bool:
    """Whether the head tag or `latest` has to move after `end`; see `EnvironmentStatus.lags`."""
    latest = runner.registry.resolve(runner.path.environment(name).latest)
    state = end.head.state if end.head else EMPTY
    status = EnvironmentStatus(name, state, latest, None)
    return not end.hinted or status.lags(late)


def _complete(runner: Runner, name: str) -> bool:
    """Complete the newest change under the lease, after reading the ledger again."""
    with runner.hold(name):
        end = runner.ledger.end(name)
        if end.head is None or not is_behind(runner, name, end):
            return False
        runner.rewind_guard.check(name, end.head, runner.rewind_guard.known(name))
        return runner.settle(name, end)


def find_entry(runner: Runner, change: Change) -> LedgerEntry | None:
    """
    Find the ledger entry of `change`, which took effect if there is one.

    It takes the lease, because a worker that lost its claim may be about to write the record.
    """
    before = None
    with runner.hold(change.target):
        while page := runner.ledger.history(change.target, _PAGE, before):
            for entry in page:
                if _belongs_to(change, entry.record):
                    return entry
                if entry.record.at < change.created_at:
                    return None
            before = page[-1].sequence
    return None


def _belongs_to(change: Change, record: AnyRecord) -> bool:
    if isinstance(record, WaiveRecord):
        same = (record.terms, record.trace_id) == (change.waiver, change.trace_id)
        return same and record.requested_at in (None, change.created_at)
    if not isinstance(record, PromotionRecord | RollbackRecord):
        return False
    # Earlier versions of floe did not record when a request was made.
    same_time = record.requested_at in (None, change.created_at)
    same = (record.version, record.trace_id) == (change.version, change.trace_id)
    return same and same_time
