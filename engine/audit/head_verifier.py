"""Checks the end of a ledger: the head tag names it, and it descends from known heads."""

from engine.audit.chain_verifier import ChainSummary
from engine.audit.findings import Remarks
from engine.audit.snapshot import Snapshot
from engine.domain.artifact import Digest
from engine.domain.audit import KnownHead, RemarkKind
from engine.domain.errors import StoreUnavailableError
from engine.domain.ledger import LedgerEntry
from engine.ports import Heads

_NEXT = "the next change writes it again. Find out who else can write to the registry"


def check_hint(snapshot: Snapshot, remarks: Remarks) -> None:
    """
    Compare the head tag with the newest entry. An interrupted run leaves it one change behind; any
    other difference was made outside floe. Nothing is lost by it.
    """
    hint, head, name = snapshot.hint, snapshot.head, snapshot.environment
    if hint is None and head is None:
        return
    end, void = head.entry.sequence if head and head.entry else 0, {*snapshot.voided.values()}
    if hint is None and end > 1:
        remarks.problem(
            RemarkKind.MISSING,
            f"The head tag of {name} is missing, and its newest entry is {end}: {_NEXT}",
        )
    elif hint is not None and (hint.entry is None or hint.digest in void or head is None):
        faults = "; ".join(fault.text for fault in hint.faults)
        remarks.problem(
            RemarkKind.ALTERED,
            f"The head tag of {name} is not at an entry that counts ({faults}): {_NEXT}",
        )
    elif head and head.entry and (hint is None or hint.digest == head.entry.previous):
        record = head.entry.record
        remarks.note(
            RemarkKind.INTERRUPTED,
            f"The run of entry {end} of {name} (a {record.kind} by {record.operator}) was "
            "interrupted after it was recorded: the next change completes it",
            end,
        )
    elif hint and hint.entry and head and hint.digest != head.digest:
        remarks.problem(
            RemarkKind.REWOUND,
            f"The head tag of {name} was moved back: it is at entry {hint.entry.sequence}, and the "
            f"newest entry is {end}: {_NEXT}",
            end,
        )


def check_known_head(
    snapshot: Snapshot,
    known: KnownHead | None,
    summary: ChainSummary,
    heads: Heads,
    remarks: Remarks,
) -> None:
    """Check that the head descends from the `known` one, and remember it if it does."""
    head = snapshot.head.entry if snapshot.head else None
    reached = summary.digests.get(known.sequence) if known else None
    if known is None or (reached == known.digest):
        _remember(snapshot.environment, head, known, heads, remarks)
    elif head is None or head.sequence < known.sequence or reached is not None:
        remarks.problem(
            RemarkKind.REWOUND,
            f"The ledger of {snapshot.environment} was truncated or rewritten: it "
            f"{_difference(head, known, reached)}, but entry {known.sequence} was "
            f"{known.digest.short} before. Restore it from a backup; if you have just done that, "
            f"run: floe platform audit accept --env {snapshot.environment}",
            known.sequence,
        )


def _difference(head: LedgerEntry | None, known: KnownHead, reached: Digest | None) -> str:
    if reached is not None:
        return f"has {reached.short} as entry {known.sequence}"
    return f"ends with entry {head.sequence}" if head else "has no head"


def _remember(
    name: str, head: LedgerEntry | None, known: KnownHead | None, heads: Heads, remarks: Remarks
) -> None:
    if head is None or (known and known.sequence == head.sequence):
        return
    try:
        heads.remember(name, KnownHead(head.sequence, head.digest))
    except StoreUnavailableError as error:
        # The report is still valid; only the next audit has less to compare with.
        remarks.note(RemarkKind.UNREMEMBERED, f"The head of {name} cannot be remembered: {error}")
