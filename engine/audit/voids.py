"""Reports the numbers of a ledger that its entries skip, unless they were acknowledged."""

from functools import partial

from engine.audit.findings import Remarks
from engine.audit.signatures import Signatures, Signed
from engine.audit.snapshot import Snapshot
from engine.domain.artifact import Digest
from engine.domain.audit import InspectedEntry
from engine.domain.ledger import Links
from engine.domain.record import AnyRecord
from engine.domain.upkeep_records import AcknowledgeRecord
from engine.ports import LedgerReader


class Voids:
    """The skipped numbers of `snapshot`; entries must be added newest first."""

    def __init__(
        self, snapshot: Snapshot, ledger: LedgerReader, remarks: Remarks, signatures: Signatures
    ) -> None:
        self._signatures = signatures
        self._snapshot = snapshot
        self._inspect_tag = partial(ledger.inspect_tag, known=signatures.keys)
        self._inspect_digest = partial(ledger.inspect_digest, known=signatures.keys)
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
            tagged = self._inspect_tag(name, sequence) if is_tagged else None
            if tagged and tagged.digest and tagged.digest != digest:
                self._report(sequence, tagged.digest, tagged)
                tagged = None
            found = tagged or self._inspect_digest(name, digest)
            self._report(sequence, digest, found)

    def _report(self, sequence: int, digest: Digest, found: InspectedEntry | None) -> None:
        known = self._acknowledged.get((sequence, digest))
        if known:
            self._remarks.acknowledged(known)
            return
        signed = Signed.of(found) if found else Signed()
        retired = self._signatures.retired_before(signed.signer, sequence)
        if signed.signer and retired is not None:
            self._remarks.signed_by_retired(sequence, digest, signed.signer, retired)
        elif self._signatures.is_untrusted(sequence, signed):
            self._remarks.unsigned_void(sequence, digest)
        else:
            self._remarks.void(sequence, digest)
