"""Reports the numbers of a ledger that its entries skip, unless they were acknowledged."""

from engine.audit.findings import Remarks
from engine.audit.snapshot import Snapshot
from engine.domain.artifact import Digest
from engine.domain.ledger import Links
from engine.domain.record import AcknowledgeRecord, AnyRecord
from engine.ports import LedgerReader


class Voids:
    """The skipped numbers of `snapshot`; entries must be added newest first."""

    def __init__(self, snapshot: Snapshot, ledger: LedgerReader, remarks: Remarks) -> None:
        self._snapshot = snapshot
        self._ledger = ledger
        self._remarks = remarks
        self._acknowledged: dict[tuple[int, Digest], AcknowledgeRecord] = {}

    def add(self, record: AnyRecord) -> None:
        """Add the record of a proven entry, which may acknowledge an earlier number."""
        if isinstance(record, AcknowledgeRecord):
            self._acknowledged[record.void_sequence, Digest(record.void_digest)] = record

    def report(self, skipped: Links) -> None:
        """Report the numbers that one entry skips, also by content that is there now."""
        for sequence, digest in skipped.items():
            name = self._snapshot.environment
            is_tagged = self._snapshot.is_tagged(sequence)
            tagged = self._ledger.inspect_tag(name, sequence) if is_tagged else None
            if tagged and tagged.digest and tagged.digest != digest:
                self._report(sequence, tagged.digest, tagged.untrusted)
                tagged = None
            found = tagged or self._ledger.inspect_digest(name, digest)
            self._report(sequence, digest, bool(found and found.untrusted))

    def _report(self, sequence: int, digest: Digest, untrusted: bool) -> None:
        known = self._acknowledged.get((sequence, digest))
        if known:
            self._remarks.acknowledged(known)
        else:
            self._remarks.voids({sequence: digest}, [sequence] if untrusted else [])
