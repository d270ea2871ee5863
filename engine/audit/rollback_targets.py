"""Warns if the version is gone to which a rollback would return."""

from collections.abc import Iterator

from engine.audit.findings import Remarks
from engine.domain.artifact import Digest
from engine.domain.audit import RemarkKind
from engine.domain.current import runnable
from engine.domain.errors import (
    ContentMissingError,
    LedgerUnreadableError,
    RegistryAnswerError,
    RegistryRefusalError,
)
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.record import AnyRecord
from engine.ports import LedgerReader, RegistryReader

# The number of newest moves among which the version is searched.
_MOST_MOVES = 100


def note_lost_target(
    registry: RegistryReader, ledger: LedgerReader, head: LedgerEntry, remarks: Remarks
) -> None:
    """Add a note if the version that ran before is no longer whole in the registry."""
    try:
        running, *before = runnable(_moves(ledger, head), 1) or (None,)
    except RegistryRefusalError:
        raise
    except (LedgerUnreadableError, RegistryAnswerError):
        # The problem of the ledger is reported, and it may hide versions.
        return
    if running is None or not before:
        return
    target = before[0]
    lost = _find_lost(registry, Digest(target.digest))
    if lost is not None:
        remarks.note(
            RemarkKind.ROLLBACK,
            f"{head.environment} cannot be rolled back to {target.version}, which ran before "
            f"{running.version}: {lost}. Push it again. List the tags that a cleanup "
            "must keep: floe platform retention",
        )


def _moves(ledger: LedgerReader, head: LedgerEntry) -> Iterator[AnyRecord]:
    """
    The newest promotions and rollbacks, newest first.

    The state of each entry names the newest one, so the records between them are not read.
    """
    state = head.state
    for _ in range(_MOST_MOVES):
        if state.sequence is None:
            return
        yield ledger.entry(head, state.sequence).record
        if state.sequence == 1:
            return
        state = ledger.entry(head, state.sequence - 1).state


def _find_lost(registry: RegistryReader, artifact: Digest) -> str | None:
    """Name a missing part of `artifact` or its platforms; None if all are there."""
    try:
        manifest = _fetch(registry, artifact)
        for part in manifest.view.manifests or ():
            _fetch(registry, Digest(part.digest))
    except ContentMissingError as error:
        return str(error)
    except RegistryRefusalError:
        raise
    except (RegistryAnswerError, ValueError) as error:
        return f"{artifact.short} cannot be read: {error}"
    return None


def _fetch(registry: RegistryReader, digest: Digest) -> Manifest:
    missing = ContentMissingError(f"{digest.short} is no longer in the registry")
    try:
        found = registry.fetch(digest)
    except ContentMissingError as error:
        raise missing from error
    if found is None:
        raise missing
    return found
