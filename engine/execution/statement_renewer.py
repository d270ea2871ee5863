"""Renews the statements about environments in the background of a server."""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from engine.domain.environment import Environment
from engine.domain.errors import PromotionError
from engine.execution.attest import Issued
from engine.runtime.background import keep_running

_log = logging.getLogger(__name__)


@dataclass
class StatementRenewer:
    """Calls `issue` for each of `environments` every `pause_seconds`."""

    environments: Iterable[Environment]
    issue: Callable[[Environment], Iterable[Issued]]
    pause_seconds: float = 300
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="floe-statements", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(30)

    def renew_due(self) -> None:
        """Issue all statements that are not up to date; errors are logged, and tried again."""
        for environment in self.environments:
            try:
                warnings = [text for each in self.issue(environment) for text in each.warnings]
            except PromotionError as error:
                warnings = [f"no statement about {environment.name} was issued: {error}"]
            for text in warnings:
                _log.warning("%s", text)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with keep_running("no statements issued", self._stopping.wait, self.pause_seconds):
                self.renew_due()
                self._stopping.wait(self.pause_seconds)
