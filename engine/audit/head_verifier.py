"""Checks the head of a ledger: it exists, is the newest entry, and descends from known heads."""

from engine.audit.chain_verifier import ChainSummary
from engine.audit.findings import Remarks
from engine.audit.snapshot import Snapshot
from engine.domain.artifact import Digest
from engine.domain.audit import InspectedEntry, KnownHead, RemarkKind
from engine.domain.errors import StoreUnavailableError
from engine.domain.ledger import LedgerEntry
from engine.ports import Heads

_RESTORE = "point the tag of the head to the newest entry, and find out who moved it"


class InMemoryHeads:
    """Implements `engine.ports.Heads` in memory."""

    def __init__(self) -> None:
        self._known: dict[str, KnownHead] = {}

    def known(self, environment: str) -> KnownHead | None:
        return self._known.get(environment)

    def remember(self, environment: str, head: KnownHead) -> None:
        self._known[environment] = head

    def forget(self, environment: str) -> None:
        self._known.pop(environment, None)


def check_head(snapshot: Snapshot, remarks: Remarks) -> None:
    """Report a missing head of existing entries, and a head that is not an entry."""
    if snapshot.head is None and snapshot.top:
        remarks.problem(
            RemarkKind.MISSING,
            f"The head of {snapshot.environment} is missing, so none of its entries is proven: "
            f"{_RESTORE}",
        )
    elif snapshot.head is not None and snapshot.head.entry is None:
        for fault in snapshot.head.faults:
            remarks.problem(
                fault.kind,
                f"The head of {snapshot.environment}: {fault.text}; no entry is proven: {_RESTORE}",
            )


def check_after_head(snapshot: Snapshot, staged: InspectedEntry | None, remarks: Remarks) -> None:
    """
    Check the tags after the head; `staged` is the content of the first. An interrupted run leaves
    one entry that follows the head; everything else was committed before or is foreign.
    """
    if not snapshot.after_head:
        return
    name, first, last = snapshot.environment, snapshot.after_head[0], snapshot.after_head[-1]
    head = snapshot.head.entry if snapshot.head else None
    if last > snapshot.top + 1:
        remarks.problem(
            RemarkKind.REWOUND,
            f"The head of {name} was moved back: it is entry {snapshot.top}, but entries up to "
            f"{last} have tags: {_RESTORE}",
            last,
        )
    elif staged is None or staged.entry is None:
        faults = staged.faults if staged else ()
        reason = "; ".join(fault.text for fault in faults) or "it is missing"
        remarks.problem(
            RemarkKind.ALTERED,
            f"The tag of entry {first} of {name}, after the head, has no entry ({reason}): "
            "remove the tag, and find out who created it",
            first,
        )
    elif staged.faults or not _continues(head, staged.entry):
        remarks.problem(
            RemarkKind.FORK,
            f"Entry {first} of {name} belongs to another chain, since it does not follow the "
            "head: remove its tag, and find out who created it",
            first,
        )
    else:
        record = staged.entry.record
        remarks.note(
            RemarkKind.UNCOMMITTED,
            f"Entry {first} of {name} (a {record.kind} by {record.operator}) was not committed, "
            "since its run was interrupted: repeat the command; the next change also cleans up",
            first,
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


def _continues(head: LedgerEntry | None, entry: LedgerEntry) -> bool:
    if head is None:
        return entry.sequence == 1 and not entry.ancestors
    return entry.sequence == head.sequence + 1 and entry.previous == head.digest


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
