"""Completes entries that other writers claimed in the database and did not finish."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.domain.artifact import Digest
from engine.domain.entry_claims import Standing, claim_standing, claimed_artifacts
from engine.domain.environment import Environment
from engine.domain.errors import PromotionError, RegistryAnswerError, UnavailableError
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
    ledger, place = runner.ledger, runner.path.environment(name)
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
    while True:
        head, end = end.head, _settle(runner, place, end, late)
        if end.head == head:
            return
        # This process may have been suspended too, and have moved `latest` after another change.
        late.update([head.state.digest] if head and head.state.digest else [])


def try_completing(runner: "Runner", name: str) -> None:
    """Complete the pending claims of `name`; the errors are only logged."""
    try:
        if pending := runner.claims.pending(name):
            complete_claimed(runner, name, pending)
    except PromotionError as error:
        _log.warning("claimed entries of %s are not completed: %s", name, error)


def _settle(runner: "Runner", place: Environment, end: ChainEnd, late: set[str]) -> ChainEnd:
    """Let `latest` of `place` follow its ledger, which ended with `end`; return its end now."""
    try:
        runner.executor().settle(place, end, late)
    except RegistryAnswerError:
        # Another writer may have moved `latest` on, which is no fault of the registry.
        newer = _checked_end(runner, place.name)
        if newer.head == end.head:
            raise
        return newer
    if end.head:
        runner.rewind_guard.remember(end.head)
    return _checked_end(runner, place.name)


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
