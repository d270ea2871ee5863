"""Detect truncated and rewritten ledgers by the newest head seen."""

import logging
from dataclasses import dataclass

from engine.domain.audit import KnownHead
from engine.domain.errors import LedgerUnreadableError, PromotionError
from engine.domain.ledger import LedgerEntry
from engine.ports import Heads, LedgerReader

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RewindGuard:
    """
    Refuse to write to a ledger of `ledger` that does not contain the head that `heads` knows.

    A lock may be among the missing entries, and the next entry would take the tag of one that was
    there. A shortened chain is valid in itself, so nothing else detects it.
    """

    heads: Heads
    ledger: LedgerReader

    def known(self, environment: str) -> KnownHead | None:
        """
        Return the newest head seen; None with a warning when it cannot be read. A caller without
        the lease of `environment` calls this before it reads the ledger, which others extend.
        """
        try:
            return self.heads.known(environment)
        except PromotionError as error:
            _log.warning("the known head of %s cannot be read: %s", environment, error)
            return None

    def check(self, environment: str, head: LedgerEntry | None, known: KnownHead | None) -> None:
        """Raise LedgerUnreadableError when `head` does not follow `known`."""
        if known is None or (head is not None and self._follows(head, known)):
            return
        now = f"ends with entry {head.sequence}" if head else "has no head"
        if head is not None and head.sequence >= known.sequence:
            now = f"has another entry {known.sequence}"
        raise LedgerUnreadableError(
            f"The ledger of '{environment}' {now}, and entry {known.sequence} was seen to be "
            f"{known.digest.short}: it was shortened or rewritten, and nothing is written to it. "
            f"Run: floe platform audit verify --env {environment}. If it was restored from a "
            f"backup, run: floe platform audit accept --env {environment}, and repeat",
            {"known": known.sequence, "found": head.sequence if head else 0},
        )

    def remember(self, entry: LedgerEntry) -> None:
        """Keep `entry`, which was written after a checked head, as the newest head seen."""
        try:
            self.heads.remember(entry.environment, KnownHead(entry.sequence, entry.digest))
        except PromotionError as error:
            _log.warning("the head of %s cannot be kept: %s", entry.environment, error)

    def _follows(self, head: LedgerEntry, known: KnownHead) -> bool:
        """Most often `head` is the known one, or has a link to it."""
        if known.sequence >= head.sequence:
            return (known.sequence, known.digest) == (head.sequence, head.digest)
        linked = head.ancestors.get(known.sequence)
        if linked is None:
            linked = self.ledger.entry(head, known.sequence).digest
        return linked == known.digest
