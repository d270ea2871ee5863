"""Records of rejections, which hold even while the ledger cannot be written."""

import logging
import threading
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

    When the product gets a new version, its `_successor` keeps them.
    """

    runner: Runner
    _owed: list[RejectionRecord] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # All versions of the product share it, so no two of them write the same rejection.
    _retrying: threading.Lock = field(default_factory=threading.Lock)
    _successor: "Rejections | None" = None

    @property
    def owed(self) -> int:
        """The number of rejections that are not recorded yet."""
        return len(self._owed)

    def record(self, record: RejectionRecord) -> None:
        try:
            self.runner.append(record)
        except PromotionError as error:
            self._keep(record)
            _log.warning("rejection of %s is not yet recorded: %s", record.change_id, error)

    def take_over(self, other: "Rejections") -> None:
        """Take the rejections that `other`, an earlier version of the product, keeps or will."""
        with other._lock:
            other._successor, self._retrying = self, other._retrying
            self._keep(*other._owed)
            other._owed.clear()

    def retry(self) -> None:
        """
        Write the kept rejections, those of an environment oldest first, until a write fails.

        Does nothing while another thread does this.
        """
        if not self._retrying.acquire(blocking=False):
            return
        try:
            self._retry()
        finally:
            self._retrying.release()

    def _retry(self) -> None:
        failed: set[str] = set()
        with self._lock:
            kept = tuple(self._owed)
        for record in kept:
            if record.environment in failed:
                continue
            try:
                # The write that failed may have taken effect.
                if not self._is_recorded(record):
                    self.runner.append(record)
            except PromotionError as error:
                _log.debug("rejections are not yet recorded: %s", error)
                failed.add(record.environment)
                continue
            self._remove(record)
            _log.warning("recorded the rejection of %s late", record.change_id)

    def _keep(self, *records: RejectionRecord) -> None:
        with self._lock:
            if self._successor is None:
                self._owed += records
            else:
                self._successor._keep(*records)

    def _remove(self, record: RejectionRecord) -> None:
        with self._lock:
            if self._successor is None:
                self._owed.remove(record)
            else:
                self._successor._remove(record)

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
