"""The audit report, shared by simultaneous viewers and cached for a while."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.api import Engine
from engine.domain.audit import Anchor, AuditReport
from engine.domain.errors import PromotionError
from engine.ports import NO_PROGRESS

_OLD = timedelta(minutes=5)
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True)
class Verified:
    """A report and its start time; `error` if no ledger could be read."""

    report: AuditReport | None
    at: datetime
    seconds: float
    error: PromotionError | None = None


class Auditor:
    """Verifies the ledgers in the background, one run at a time, since it reads every record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._running: threading.Thread | None = None
        self._last: Verified | None = None

    def look(self) -> tuple[Verified | None, bool]:
        """Return the last report and whether a run is active; start one when the report is old."""
        with self._lock:
            now = self._engine.now()
            running = self._running is not None and self._running.is_alive()
            if not running and (self._last is None or now - self._last.at > _OLD):
                self._begin()
            thread = self._running
        if thread is not None:
            # Small ledgers are verified within the request.
            thread.join(_PATIENCE_SECONDS)
        with self._lock:
            return self._last, thread is not None and thread.is_alive()

    def now(
        self, environment: str | None = None, anchors: Sequence[Anchor] = (), full: bool = False
    ) -> AuditReport:
        """Verify now and return the report; PromotionError if it cannot be made."""
        return self._engine.verify(environment, NO_PROGRESS, anchors, full)

    def _begin(self) -> None:
        self._running = threading.Thread(target=self._verify, name="floe-audit", daemon=True)
        self._running.start()

    def _verify(self) -> None:
        began = self._engine.now()
        report, problem = None, None
        try:
            report = self.now()
        except PromotionError as error:
            problem = error
        took = (self._engine.now() - began).total_seconds()
        with self._lock:
            self._last = Verified(report, began, took, problem)
