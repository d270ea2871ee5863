"""What interrupted runs left on the ledger: find it, and have `latest` follow it."""

import logging

from engine.domain.artifact import Digest
from engine.domain.change import Change
from engine.domain.errors import ContentMissingError, PromotionError
from engine.domain.plan import TagWrite
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.state import EMPTY
from engine.domain.status import Alignment, EnvironmentStatus
from engine.execution.runner import Runs

_log = logging.getLogger(__name__)
_PAGE = 50


def complete_interrupted(runs: Runs) -> tuple[str, ...]:
    """
    The environments whose `latest` had to be moved, as a server looks when it starts. Never
    raises: what cannot be completed now is a logged warning, and repeating its command does it.
    """
    completed = []
    for name in runs.path.names:
        try:
            if _completing(runs, name) and _completed(runs, name):
                completed.append(name)
        except PromotionError as error:
            _log.warning("whether %s was left half-way is not known: %s", name, error)
    return tuple(completed)


def _completing(runs: Runs, name: str) -> bool:
    head = runs.ledger.head(name)
    latest = runs.registry.resolve(runs.path.environment(name).latest)
    state = head.state if head else EMPTY
    return EnvironmentStatus(name, state, latest, None).alignment is Alignment.COMPLETING


def _completed(runs: Runs, name: str) -> bool:
    """Under the lease, which whoever is still at it would hold: looked at again."""
    with runs.leases.hold(name):
        head = runs.ledger.head(name)
        if head is None or head.state.digest is None or head.state.sequence is None:
            return False
        if not _completing(runs, name):
            return False
        runs.rewind_guard.check(name, head, runs.rewind_guard.known(name))
        manifest = runs.registry.fetch(Digest(head.state.digest))
        if manifest is None:
            raise ContentMissingError(f"{head.state.digest}, which {name} should run, is not there")
        latest = TagWrite(runs.path.environment(name).latest, manifest, immutable=False)
        runs.complete(runs.ledger.entry(head, head.state.sequence), latest)
        _log.warning(
            "%s follows %s now: an earlier run was interrupted before it moved",
            latest.tag,
            head.state.version,
        )
    return True


def record_of(runs: Runs, change: Change) -> AnyRecord | None:
    """
    The record of `change`, which took effect if there is one, whatever was recorded after it.
    Takes the lease: a worker that lost its claim may be about to write it.
    """
    before = None
    with runs.leases.hold(change.target):
        while page := runs.ledger.history(change.target, _PAGE, before):
            for entry in page:
                if _is_of(change, entry.record):
                    return entry.record
                if entry.record.at < change.created_at:
                    return None
            before = page[-1].sequence
    return None


def _is_of(change: Change, record: AnyRecord) -> bool:
    if not isinstance(record, PromotionRecord | RollbackRecord):
        return False
    # Earlier versions of floe did not record when a request was made.
    same_time = record.requested_at in (None, change.created_at)
    same = (record.version, record.trace_id) == (change.version, change.trace_id)
    return same and same_time
