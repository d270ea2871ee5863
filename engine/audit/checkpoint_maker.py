"""Signs the ledgers in the background of a server."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from engine.audit.checkpoints import SignedCheckpoint
from engine.domain.errors import PromotionError
from engine.ports import LedgerReader

_log = logging.getLogger(__name__)


@dataclass
class CheckpointMaker:
    """
    Calls `make` for each of `environments` with new entries, at most every `idle_seconds`, and
    again after `retry_seconds` while a witness does not sign. `made` receives each checkpoint, and
    receives it again after a PromotionError. `unwitnessed` receives the number of entries that this
    process has not seen with the signatures of all witnesses.
    """

    environments: Sequence[str]
    ledger: LedgerReader
    make: Callable[[str], Iterable[SignedCheckpoint]]
    made: Callable[[SignedCheckpoint], None] = lambda _checkpoint: None
    unwitnessed: Callable[[str, int], None] = lambda _environment, _entries: None
    idle_seconds: float = 10
    retry_seconds: float = 60
    _done: dict[str, int] = field(default_factory=dict)
    _witnessed: dict[str, int] = field(default_factory=dict)

    def make_new(self) -> bool:
        """Sign all new entries once; return whether everything is signed and cosigned."""
        # A list, not a generator: every environment is signed.
        return all([self._make(name) for name in self.environments])

    def run(self) -> float:
        """Sign all new entries once; return the seconds until the next time."""
        return self.idle_seconds if self.make_new() else self.retry_seconds

    def _make(self, name: str) -> bool:
        try:
            head = self.ledger.head(name)
            if head is None or self._done.get(name) == head.sequence:
                return True
            made: tuple[SignedCheckpoint, ...] = ()
            try:
                made = tuple(self.make(name))
            finally:
                self._report(name, head.sequence, made)
        except PromotionError as error:
            _log.warning("no checkpoint of %s was made: %s", name, error)
            return False
        if not self._announce(name, made) or any(each.refusals for each in made):
            return False
        self._done[name] = max((each.size for each in made), default=0)
        return True

    def _report(self, name: str, size: int, made: Iterable[SignedCheckpoint]) -> None:
        signed = [each.size for each in made if each.cosigned and not each.refusals]
        self._witnessed[name] = max([self._witnessed.get(name, 0), *signed])
        self.unwitnessed(name, max(size - self._witnessed[name], 0))

    def _announce(self, name: str, made: Iterable[SignedCheckpoint]) -> bool:
        try:
            for each in made:
                self.made(each)
        except PromotionError as error:
            _log.warning("a checkpoint of %s was made, and not announced: %s", name, error)
            return False
        return True
