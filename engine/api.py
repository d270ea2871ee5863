"""What the faces talk to: runs of requests, what runs where, and what happened."""

from dataclasses import dataclass

from engine.domain.ledger import LedgerEntry
from engine.domain.state import EMPTY, lock_in_force
from engine.domain.status import EnvironmentStatus
from engine.runs import Runs


@dataclass(frozen=True)
class Engine(Runs):
    """
    The front door: `plan`, `execute` and `run` of Runs, and the reading side.

    Bot, web and CLI import nothing deeper than this, `bootstrap`, `config` and `domain`.
    """

    def status(self) -> tuple[EnvironmentStatus, ...]:
        """Every environment along the path; two requests each, all at once."""
        environments = self.path.environments
        heads = self.pool.map(self.ledger.head, self.path.names)
        latest = self.pool.map(self.registry.resolve, [e.latest for e in environments])
        now = self.clock.now()
        rows = []
        for environment, head, tag in zip(environments, heads, latest, strict=True):
            state = head.state if head else EMPTY
            lock = lock_in_force(environment, state, now)
            rows.append(EnvironmentStatus(environment.name, state, tag, lock))
        return tuple(rows)

    def history(
        self, environment: str | None = None, limit: int = 20, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        """
        The newest `limit` records, newest first: of one environment (before sequence `before`, for
        the next page), or of all of them together.
        """
        if environment is not None:
            return self.ledger.history(self.path.environment(environment).name, limit, before)
        pages = self.pool.map(lambda name: self.ledger.history(name, limit), self.path.names)
        merged = sorted(
            (e for page in pages for e in page), key=lambda e: e.record.at, reverse=True
        )
        return tuple(merged[:limit])
