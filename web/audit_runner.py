"""The audit, run once for all who ask at the same time, and kept for a while."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.api import Engine
from engine.domain.audit import AuditReport
from engine.domain.errors import PromotionError
from engine.ports import SILENT

_OLD = timedelta(minutes=5)
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True)
class Verified:
    """A report and when it began; `error` when the ledgers could not be read at all."""

    report: AuditReport | None
    at: datetime
    seconds: float
    error: PromotionError | None = None


class Auditor:
    """It reads every record, so it runs beside the requests and one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._running: threading.Thread | None = None
        self._last: Verified | None = None

    def look(self) -> tuple[Verified | None, bool]:
        """The last report, and whether a newer one is under way; begun when the last is old."""
        with self._lock:
            now = self._engine.clock.now()
            running = self._running is not None and self._running.is_alive()
            if not running and (self._last is None or now - self._last.at > _OLD):
                self._begin()
            thread = self._running
        if thread is not None:
            # Where there is little to read, nobody needs to come again for the answer.
            thread.join(_PATIENCE_SECONDS)
        with self._lock:
            return self._last, thread is not None and thread.is_alive()

    def now(self, environment: str | None = None) -> AuditReport:
        """A report of this moment; PromotionError when it cannot be made."""
        return self._engine.verify(environment, SILENT)

    def _begin(self) -> None:
        self._running = threading.Thread(target=self._verify, name="floe-audit", daemon=True)
        self._running.start()

    def _verify(self) -> None:
        began = self._engine.clock.now()
        report, problem = None, None
        try:
            report = self.now()
        except PromotionError as error:
            problem = error
        took = (self._engine.clock.now() - began).total_seconds()
        with self._lock:
            self._last = Verified(report, began, took, problem)
