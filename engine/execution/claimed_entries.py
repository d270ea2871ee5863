"""Completes entries that other writers claimed in the database and did not finish."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.domain.artifact import Digest
from engine.domain.entry_claims import Standing, claim_standing, claimed_artifacts
from engine.domain.errors import PromotionError, UnavailableError
from engine.domain.ledger import ChainEnd, EntryClaim, LedgerEntry
from engine.ports import LedgerReader

if TYPE_CHECKING:
    from engine.execution.runner import Runner

_log = logging.getLogger(__name__)


def complete_claimed(runner: "Runner", name: str, pending: Sequence[EntryClaim]) -> None:
    """
    Create the tags of the `pending` claims of `name`, oldest first, and let `latest` follow them.

    A claim that cannot become an entry is removed. The caller holds the lease of `name`.
    LedgerUnreadableError if the ledger was cut: then the claims may be right and the ledger wrong.
    """
    ledger, executor, place = runner.ledger, runner.executor(), runner.path.environment(name)
    end = _checked_end(runner, name)
    valid = []
    for claim in pending:
        entry = ledger.read_claim(claim, end.head)
        match claim_standing(claim, end, entry, _recorded(ledger, end, claim.sequence)):
            case Standing.VOID:
                _release(runner, claim)
                continue
            case Standing.DUE if entry:
                if not _created(runner, entry, end):
                    continue
                end = ledger.end(name)
        valid.append(claim)
    late = set(claimed_artifacts(valid))
    executor.settle(place, end, late)
    while (head := end.head) is not None:
        runner.rewind_guard.remember(head)
        # This process may have been suspended too, and have moved `latest` after another change.
        end = _checked_end(runner, name)
        if end.head and end.head.digest == head.digest:
            return
        late.update([head.state.digest] if head.state.digest else [])
        executor.settle(place, end, late)


def try_completing(runner: "Runner", name: str) -> None:
    """Complete the pending claims of `name`; the errors are only logged."""
    try:
        if pending := runner.claims.pending(name):
            complete_claimed(runner, name, pending)
    except PromotionError as error:
        _log.warning("claimed entries of %s are not completed: %s", name, error)


def _checked_end(runner: "Runner", name: str) -> ChainEnd:
    # Read first: the lease may be lost, so that others extend the ledger.
    known = runner.rewind_guard.known(name)
    end = runner.ledger.end(name)
    runner.rewind_guard.check(name, end.head, known)
    return end


def _recorded(ledger: LedgerReader, end: ChainEnd, sequence: int) -> Digest | None:
    """The digest of the entry at `sequence` in the chain before `end`."""
    head = end.head
    if head is None or sequence >= head.sequence:
        return head.digest if head and sequence == head.sequence else None
    # The number may be void, so that no entry links to it.
    found = ledger.history(head.environment, 1, sequence + 1)
    return found[0].digest if found and found[0].sequence == sequence else None


def _created(runner: "Runner", entry: LedgerEntry, end: ChainEnd) -> bool:
    """Create the tag of `entry`; False if the registry refuses it, and the claim is removed."""
    try:
        runner.ledger.create(entry)
    except UnavailableError as error:
        if not runner.executor().withdraw(entry, error):
            raise
        return False
    runner.ledger.confirm(entry, end)
    _log.warning("completed entry %s, which its writer claimed and did not write", entry.anchor)
    return True


def _release(runner: "Runner", claim: EntryClaim) -> None:
    runner.claims.release(claim)
    _log.warning(
        "removed the claim of entry %s of %s (%s): it does not continue the ledger, or its record "
        "is not in the registry. The registry counts, and the number is free again",
        claim.sequence,
        claim.environment,
        claim.digest,
    )
