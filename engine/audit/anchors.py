"""Checks that a ledger still contains the entries that people noted."""

from collections.abc import Iterable

from engine.audit.findings import Remarks
from engine.domain.artifact import Digest
from engine.domain.audit import Anchor, RemarkKind
from engine.domain.errors import LedgerUnreadableError, UsageError
from engine.domain.ledger import LedgerEntry
from engine.ports import LedgerReader

_HINT = "restore the ledger from a backup, and find out who else can write to the registry"


def check_anchors(
    anchors: Iterable[Anchor], head: LedgerEntry | None, ledger: LedgerReader, remarks: Remarks
) -> None:
    """Report each of `anchors` that is not linked from `head`."""
    for anchor in anchors:
        found = digest_at(head, anchor.sequence, ledger)
        if found != anchor.digest:
            present = f"entry {anchor.sequence} is {found}" if found else _missing(head, anchor)
            remarks.problem(
                RemarkKind.ANCHOR,
                f"The ledger of {anchor.environment} does not contain {anchor}: {present}: {_HINT}",
                anchor.sequence,
            )


def select_anchors(anchors: Iterable[Anchor], environments: Iterable[str]) -> None:
    """UsageError for an anchor of none of the audited `environments`."""
    names = [*environments]
    for anchor in anchors:
        if anchor.environment not in names:
            raise UsageError(
                f"The anchor {anchor} cannot be checked, since {anchor.environment} is not among "
                f"the verified environments: {', '.join(names)}"
            )


def digest_at(head: LedgerEntry | None, sequence: int, ledger: LedgerReader) -> Digest | None:
    """The digest of the entry at `sequence` that `head` proves; None if there is none."""
    if head is None or sequence > head.sequence:
        return None
    try:
        return ledger.entry(head, sequence).digest
    except LedgerUnreadableError:
        # The chain is broken there, which is reported where it is verified.
        return None


def _missing(head: LedgerEntry | None, anchor: Anchor) -> str:
    if head is None or anchor.sequence > head.sequence:
        return f"it ends with entry {head.sequence if head else 0}"
    return f"entry {anchor.sequence} is not linked from its head"
