"""The facts of an acknowledgement."""

from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.artifact import Digest
from engine.domain.errors import UsageError
from engine.domain.ledger import ChainEnd
from engine.domain.plan import Effect
from engine.domain.record import AnyRecord
from engine.domain.request import AcknowledgeRequest
from engine.domain.upkeep_records import AcknowledgeRecord
from engine.ports import LedgerReader


class AcknowledgeContext(Context[AcknowledgeRequest]):
    """The facts about one acknowledgement: a second one of the same content changes nothing."""

    @Fact
    def void(self) -> Digest:
        """The content of the number, which does not count; UsageError if it does, or is free."""
        found = _find_void(
            self._sources.ledger, self.target.name, self.target_end, self.request.sequence
        )
        if found is None:
            raise UsageError(
                f"Number {self.request.sequence} of {self.target} has no content that does not "
                f"count, so there is nothing to acknowledge. Run: floe platform audit verify "
                f"--env {self.target}"
            )
        return found

    @Fact
    def effect(self) -> Effect:
        head, digest = self.target_head, str(self.void)
        known = head and self._sources.ledger.find(head, digest, self._is_acknowledged)
        return Effect.NOTHING if known else Effect.CHANGE

    def _is_acknowledged(self, record: AnyRecord) -> bool:
        named = (self.request.sequence, str(self.void))
        return (
            isinstance(record, AcknowledgeRecord)
            and (record.void_sequence, record.void_digest) == named
        )


def _find_void(
    ledger: LedgerReader, environment: str, end: ChainEnd, sequence: int
) -> Digest | None:
    """The content that the entry after `sequence` skips there, found in O(log n) steps."""
    if end.head is None or sequence >= end.head.sequence:
        return end.voided.get(sequence)
    entry, step = end.head, 1
    while sequence + step < end.head.sequence:
        found = ledger.history(environment, 1, sequence + step + 1)
        if found and found[0].sequence > sequence:
            entry = found[0]
            break
        step *= 2
    while entry.previous_sequence > sequence:
        entry = ledger.entry(end.head, entry.previous_sequence)
    return entry.voided.get(sequence)
