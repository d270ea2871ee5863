"""The health of deployments, as the systems that deploy report it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from engine.domain.artifact import Digest
from engine.domain.state import EnvironmentState
from engine.domain.text import whole_duration

# Reports may come from clocks that are ahead by this.
CLOCK_SKEW = timedelta(minutes=5)


class Health(StrEnum):
    """The health of an artifact in one place."""

    PROGRESSING = "progressing"
    HEALTHY = "healthy"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """
    The report of one cluster or application, the `target`, about the artifact that it runs.

    `digests` are those of its images, `at` the time (UTC) of the event. `environment` is empty
    where the system does not know it.
    """

    target: str
    digests: tuple[Digest, ...]
    health: Health
    at: datetime
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The last report of `target` about `digest` in an environment, from the time `at` (UTC)."""

    target: str
    digest: str
    health: Health
    at: datetime


@dataclass(frozen=True, slots=True)
class Rollout:
    """
    How far the artifact of an environment is deployed, by the targets that ever reported there.

    `took` is the time from the promotion until the last target was healthy; None before.
    """

    total: int
    healthy: int
    failed: tuple[str, ...] = ()
    took: timedelta | None = None

    @property
    def text(self) -> str:
        """Like `3 of 5 clusters healthy` and `5 of 5 clusters healthy after 4 min`."""
        noun = "cluster" if self.total == 1 else "clusters"
        text = f"{self.healthy} of {self.total} {noun} healthy"
        if self.failed:
            return f"{text}, {len(self.failed)} failed: {', '.join(self.failed[:3])}"
        if self.took is None:
            return text
        return f"{text} after {whole_duration(self.took.total_seconds())}"


def rollout(state: EnvironmentState, reports: Sequence[Deployment]) -> Rollout | None:
    """Summarize the `reports` of an environment; None if none is about the artifact of `state`."""
    since = state.since
    if since is None:
        return None
    oldest = since - CLOCK_SKEW
    current = [each for each in reports if each.digest == state.digest and each.at >= oldest]
    if not current:
        return None
    healthy = [each.at for each in current if each.health is Health.HEALTHY]
    failed = tuple(sorted(each.target for each in current if each.health is Health.FAILED))
    complete = len(healthy) == len(reports)
    took = max(max(healthy) - since, timedelta(0)) if complete else None
    return Rollout(len(reports), len(healthy), failed, took)
