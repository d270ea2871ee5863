"""Whether a ledger still follows the head seen of it: a shortened chain is valid in itself."""

import logging
from dataclasses import dataclass

from engine.domain.audit import KnownHead
from engine.domain.errors import LedgerUnreadableError, PromotionError
from engine.domain.ledger import LedgerEntry
from engine.ports import Heads, LedgerReader

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Descent:
    """
    Holds what is written to the ledgers of `ledger` to the heads that `heads` remembers.

    After a head that does not follow the one seen before nothing is written: a lock may
    be among what is missing, and the next entry would take the tag of one that was there.
    """

    heads: Heads
    ledger: LedgerReader

    def known(self, environment: str) -> KnownHead | None:
        """
        The head seen before. Who does not hold the lease of `environment` asks for it before
        reading the ledger, which others extend meanwhile. Memory that cannot be read is none.
        """
        try:
            return self.heads.known(environment)
        except PromotionError as error:
            _log.warning("which head %s had is not known: %s", environment, error)
            return None

    def check(self, environment: str, head: LedgerEntry | None, known: KnownHead | None) -> None:
        """LedgerUnreadableError when `head` does not follow `known`."""
        if known is None or (head is not None and self._follows(head, known)):
            return
        now = f"ends with entry {head.sequence}" if head else "has no head"
        if head is not None and head.sequence >= known.sequence:
            now = f"has another entry {known.sequence}"
        raise LedgerUnreadableError(
            f"The ledger of '{environment}' {now}, and entry {known.sequence} was seen to be "
            f"{known.digest.short}: it was shortened or rewritten, and nothing is written to it. "
            f"Run: floe platform audit verify --env {environment}. If it was restored from a "
            f"backup, remove {self.heads.reference} and repeat",
            {"known": known.sequence, "found": head.sequence if head else 0},
        )

    def remember(self, entry: LedgerEntry) -> None:
        """`entry`, which was written after a head that was checked, is the one seen last."""
        try:
            self.heads.remember(entry.environment, KnownHead(entry.sequence, entry.digest))
        except PromotionError as error:
            _log.warning("the head of %s is not remembered: %s", entry.environment, error)

    def _follows(self, head: LedgerEntry, known: KnownHead) -> bool:
        """Most often `head` is the one seen before, or linked to it."""
        if known.sequence >= head.sequence:
            return (known.sequence, known.digest) == (head.sequence, head.digest)
        linked = head.ancestors.get(known.sequence)
        if linked is None:
            linked = self.ledger.entry(head, known.sequence).digest
        return linked == known.digest
