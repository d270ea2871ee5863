"""Verify the head of a ledger: present, newest, and a successor of the known head."""

from engine.audit.chain_verifier import Tally
from engine.audit.findings import Remarks
from engine.audit.snapshot import Snapshot
from engine.domain.artifact import Digest
from engine.domain.audit import InspectedEntry, KnownHead, RemarkKind
from engine.domain.errors import StoreUnavailableError
from engine.domain.ledger import LedgerEntry
from engine.ports import Heads

_RESTORE = "point the head's tag at the newest entry, and find out who moved it"


class FleetingHeads:
    """Implements `engine.ports.Heads` in memory."""

    def __init__(self) -> None:
        self._known: dict[str, KnownHead] = {}

    def known(self, environment: str) -> KnownHead | None:
        return self._known.get(environment)

    def remember(self, environment: str, head: KnownHead) -> None:
        self._known[environment] = head

    def forget(self, environment: str) -> None:
        self._known.pop(environment, None)


def judge_head(snapshot: Snapshot, remarks: Remarks) -> None:
    """Say so when the tags of entries are there and no head is, or one that is no entry."""
    if snapshot.head is None and snapshot.top:
        remarks.problem(
            RemarkKind.MISSING,
            f"The head of {snapshot.environment} is gone and its entries are there, so none of "
            f"them is proven: {_RESTORE}",
        )
    elif snapshot.head is not None and snapshot.head.entry is None:
        for fault in snapshot.head.faults:
            remarks.problem(
                fault.kind,
                f"The head of {snapshot.environment}: {fault.text}; no entry is proven: {_RESTORE}",
            )


def judge_beyond(snapshot: Snapshot, next_one: InspectedEntry | None, remarks: Remarks) -> None:
    """
    Judge what lies after the head, of which `next_one` is the first. An interrupted run leaves one
    entry that follows the head; whatever else is there had been committed, or was put there.
    """
    if not snapshot.beyond:
        return
    name, first, last = snapshot.environment, snapshot.beyond[0], snapshot.beyond[-1]
    head = snapshot.head.entry if snapshot.head else None
    if last > snapshot.top + 1:
        remarks.problem(
            RemarkKind.REWOUND,
            f"The head of {name} is entry {snapshot.top} and entries up to {last} have tags: it "
            f"was moved back: {_RESTORE}",
            last,
        )
    elif next_one is None or next_one.entry is None:
        faults = next_one.faults if next_one else ()
        said = "; ".join(fault.text for fault in faults) or "it is gone"
        remarks.problem(
            RemarkKind.ALTERED,
            f"The tag of entry {first} of {name}, after the head, carries no entry ({said}): "
            "remove the tag, and find out who put it there",
            first,
        )
    elif next_one.faults or not _continues(head, next_one.entry):
        remarks.problem(
            RemarkKind.FORK,
            f"Entry {first} of {name} does not follow the head: it belongs to another chain: "
            "remove its tag, and find out who put it there",
            first,
        )
    else:
        record = next_one.entry.record
        remarks.note(
            RemarkKind.UNCOMMITTED,
            f"Entry {first} of {name} (a {record.kind} by {record.operator}) was never committed: "
            "its run was interrupted; repeat its command, or leave it to the next change",
            first,
        )


def judge_rewind(
    snapshot: Snapshot,
    known: KnownHead | None,
    tally: Tally,
    heads: Heads,
    remarks: Remarks,
) -> None:
    """Compare the head with the known one, and keep it if it follows that."""
    head = snapshot.head.entry if snapshot.head else None
    reached = tally.digests.get(known.sequence) if known else None
    if known is None or (reached == known.digest):
        _remember(snapshot.environment, head, known, heads, remarks)
    elif head is None or head.sequence < known.sequence or reached is not None:
        remarks.problem(
            RemarkKind.REWOUND,
            f"The ledger of {snapshot.environment} {_now(head, known, reached)}, and entry "
            f"{known.sequence} was seen to be {known.digest.short}: it was shortened or rewritten. "
            "Restore it from a backup; if it was restored, run: floe platform audit accept --env "
            f"{snapshot.environment}",
            known.sequence,
        )


def _continues(head: LedgerEntry | None, entry: LedgerEntry) -> bool:
    if head is None:
        return entry.sequence == 1 and not entry.ancestors
    return entry.sequence == head.sequence + 1 and entry.previous == head.digest


def _now(head: LedgerEntry | None, known: KnownHead, reached: Digest | None) -> str:
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
        # The report is still worth having.
        remarks.note(RemarkKind.UNREMEMBERED, f"The head of {name} cannot be kept: {error}")
