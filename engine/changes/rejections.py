"""Records of rejections, which hold even while the ledger cannot be written."""

import logging
import threading
from collections import deque
from dataclasses import dataclass, field

from engine.domain.errors import PromotionError
from engine.domain.record import RejectionRecord
from engine.execution.runner import Runner

_log = logging.getLogger(__name__)
_PAGE = 20


@dataclass
class Rejections:
    """
    Appends rejections to the ledger, and keeps those that it cannot write for `retry`, while this
    process runs.
    """

    runner: Runner
    _owed: deque[RejectionRecord] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, record: RejectionRecord) -> None:
        try:
            self.runner.append(record)
        except PromotionError as error:
            self._owed.append(record)
            _log.warning("rejection of %s is not yet recorded: %s", record.change_id, error)

    def retry(self) -> None:
        """Write the kept rejections, oldest first, until a write fails."""
        if not self._owed:
            return
        with self._lock:
            while self._owed:
                try:
                    # The write that failed may have taken effect.
                    if not self._is_recorded(self._owed[0]):
                        self.runner.append(self._owed[0])
                except PromotionError as error:
                    _log.debug("rejections are not yet recorded: %s", error)
                    return
                written = self._owed.popleft()
                _log.warning("recorded the rejection of %s late", written.change_id)

    def _is_recorded(self, record: RejectionRecord) -> bool:
        before = None
        # The lease first completes an entry that the failed write claimed in the database.
        with self.runner.hold(record.environment):
            while page := self.runner.ledger.history(record.environment, _PAGE, before):
                for entry in page:
                    if entry.record.id == record.id:
                        return True
                    if entry.record.at < record.at:
                        return False
                before = page[-1].sequence
        return False
