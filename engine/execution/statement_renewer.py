"""Renews the statements about environments in the background of a server."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.domain.environment import Environment
from engine.domain.errors import PromotionError
from engine.execution.attest import Issued

_log = logging.getLogger(__name__)


@dataclass
class StatementRenewer:
    """Calls `issue` for each of `environments` every `pause_seconds`."""

    environments: Iterable[Environment]
    issue: Callable[[Environment], Iterable[Issued]]
    pause_seconds: float = 300

    def renew_due(self) -> None:
        """Issue all statements that are not up to date; errors are logged, and tried again."""
        for environment in self.environments:
            try:
                warnings = [text for each in self.issue(environment) for text in each.warnings]
            except PromotionError as error:
                warnings = [f"no statement about {environment.name} was issued: {error}"]
            for text in warnings:
                _log.warning("%s", text)

    def run(self) -> float:
        """Renew the statements once; return the seconds until the next time."""
        self.renew_due()
        return self.pause_seconds
