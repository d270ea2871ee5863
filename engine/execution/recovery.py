"""Find changes that interrupted runs left half done, and complete them."""

import logging

from engine.domain.artifact import Digest
from engine.domain.change import Change
from engine.domain.errors import ContentMissingError, PromotionError
from engine.domain.plan import TagWrite
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.state import EMPTY
from engine.domain.status import Alignment, EnvironmentStatus
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
            if _is_completing(runner, name) and _complete(runner, name):
                completed.append(name)
        except PromotionError as error:
            _log.warning("cannot check %s for an interrupted change: %s", name, error)
    return tuple(completed)


def _is_completing(runner: Runner, name: str) -> bool:
    head = runner.ledger.head(name)
    latest = runner.registry.resolve(runner.path.environment(name).latest)
    state = head.state if head else EMPTY
    return EnvironmentStatus(name, state, latest, None).alignment is Alignment.COMPLETING


def _complete(runner: Runner, name: str) -> bool:
    """Move `latest` under the lease, after reading the ledger again."""
    with runner.leases.hold(name):
        head = runner.ledger.head(name)
        if head is None or head.state.digest is None or head.state.sequence is None:
            return False
        if not _is_completing(runner, name):
            return False
        runner.rewind_guard.check(name, head, runner.rewind_guard.known(name))
        manifest = runner.registry.fetch(Digest(head.state.digest))
        if manifest is None:
            raise ContentMissingError(f"{head.state.digest}, which {name} should run, is not there")
        latest = TagWrite(runner.path.environment(name).latest, manifest, immutable=False)
        runner.complete(runner.ledger.entry(head, head.state.sequence), latest)
        _log.warning(
            "moved %s to %s: an earlier run was interrupted before it did",
            latest.tag,
            head.state.version,
        )
    return True


def find_record(runner: Runner, change: Change) -> AnyRecord | None:
    """
    Find the record of `change`, which took effect if there is one.

    It takes the lease, because a worker that lost its claim may be about to write the record.
    """
    before = None
    with runner.leases.hold(change.target):
        while page := runner.ledger.history(change.target, _PAGE, before):
            for entry in page:
                if _belongs_to(change, entry.record):
                    return entry.record
                if entry.record.at < change.created_at:
                    return None
            before = page[-1].sequence
    return None


def _belongs_to(change: Change, record: AnyRecord) -> bool:
    if not isinstance(record, PromotionRecord | RollbackRecord):
        return False
    # Earlier versions of floe did not record when a request was made.
    same_time = record.requested_at in (None, change.created_at)
    same = (record.version, record.trace_id) == (change.version, change.trace_id)
    return same and same_time
