"""Issue the statements beside the ledger, once a change has taken effect."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from engine.attestation.current import CurrentPredicate, StatedArtifact, StatedEntry
from engine.domain.current import Artifact, runnable
from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry, keys_named_by
from engine.domain.record import AnyRecord
from engine.ports import Clock, LedgerReader
from engine.ports.statements import StatementPublisher

_log = logging.getLogger(__name__)
_PAGE = 50
# A bound on the requests in an environment with many locks and refusals.
_MOST_RECORDS = 200


@dataclass(frozen=True)
class StatementIssuer:
    """
    Implements `engine.ports.statements.Statements`. The caller holds the lease of the environment,
    and has checked its ledger by the rewind guard: an old state must not be stated again.

    `keep` is the number of earlier versions that may also run; `valid` is how long a statement is
    valid; None if no current state is stated.
    """

    publisher: StatementPublisher
    ledger: LedgerReader
    clock: Clock
    keep: int
    valid: timedelta | None

    def follow(self, head: LedgerEntry | None) -> tuple[str, ...]:
        if head is None:
            return ()
        try:
            return self.issue(head, renew=False)[1]
        except PromotionError as error:
            name = head.environment
            _log.warning("no statement about %s was issued: %s", name, error)
            return (
                f"The statement about {name} was not issued: {error}. "
                f"Issue it: floe platform attest --env {name}",
            )

    def issue(
        self, head: LedgerEntry, *, renew: bool
    ) -> tuple[CurrentPredicate | None, tuple[str, ...]]:
        """
        Issue the statement of the runnable versions by `head`, unless it is up to date.

        `renew` issues it in any case. Returns the valid statement, None if nothing was
        promoted, and the warnings of the publisher.
        """
        if head.state.sequence is None:
            return None, ()
        entry = self.ledger.entry(head, head.state.sequence)
        self.publisher.publish_entry(entry)
        if self.valid is None:
            return None, ()
        stated = self._state(entry, self.valid)
        keys = head.state.keys
        known = keys_named_by(self.ledger.rotations(head)) if keys else ()
        found = self.publisher.read(head.environment, known)
        before = found.stated if found else None
        due = before is None or not before.states_same(stated) or before.is_due(stated.issued_at)
        # Also one by a retired key names the artifacts from which it must be withdrawn.
        is_retired = bool(keys and found and found.signer in keys.retired)
        if not due and not renew and not is_retired:
            return before, ()
        return stated, self.publisher.publish(stated, before)

    def _state(self, entry: LedgerEntry, valid: timedelta) -> CurrentPredicate:
        current, *also = runnable(self._records(entry), self.keep)
        now = self.clock.now()
        return CurrentPredicate(
            repository=entry.record.repository or "",
            environment=entry.environment,
            entry=StatedEntry(sequence=entry.sequence, digest=str(entry.digest)),
            current=_stated(current),
            also=tuple(map(_stated, also)),
            issued_at=now,
            valid_until=now + valid,
        )

    def _records(self, newest: LedgerEntry) -> Iterator[AnyRecord]:
        """Yield the record of `newest` and those before it, read on demand."""
        yield newest.record
        before, left = newest.sequence, _MOST_RECORDS
        while before > 1 and left > 0:
            page: Iterable[LedgerEntry] = self.ledger.history(newest.environment, _PAGE, before)
            for entry in page:
                yield entry.record
                before = entry.sequence
            left -= _PAGE


def _stated(artifact: Artifact) -> StatedArtifact:
    return StatedArtifact(version=artifact.version, digest=artifact.digest)
