"""The answers about the health of deployments."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from engine.domain.deployments import Deployment, Health, Rollout
from engine.domain.record_base import DigestText, UtcTime
from engine.responses.common import Response


class TargetResponse(Response):
    """The last report of one cluster or application."""

    target: str = Field(description="cluster or application that reported")
    digest: DigestText = Field(description="digest that it runs")
    health: Health = Field(description="progressing, healthy or failed")
    at: UtcTime = Field(description="time of the event")


class RolloutResponse(Response):
    """How far the artifact of an environment is deployed."""

    environment: str = Field(description="name of the environment")
    summary: str | None = Field(description="for people; null while no target reported it")
    healthy: int = Field(description="targets on which the artifact is healthy")
    failed: int = Field(description="targets on which it failed")
    total: int = Field(description="targets that ever reported for this environment")
    took_seconds: float | None = Field(
        description="time from the promotion until all targets were healthy; null before"
    )
    targets: tuple[TargetResponse, ...] = Field(description="last report of each target")

    @classmethod
    def of(cls, environment: str, found: Rollout | None, reports: Iterable[Deployment]) -> Self:
        targets = tuple(
            TargetResponse(target=r.target, digest=r.digest, health=r.health, at=r.at)
            for r in reports
        )
        return cls(
            environment=environment,
            summary=found.text if found else None,
            healthy=found.healthy if found else 0,
            failed=len(found.failed) if found else 0,
            total=len(targets),
            took_seconds=found.took.total_seconds() if found and found.took is not None else None,
            targets=targets,
        )


class ReportedResponse(Response):
    """The effect of a report: none for late, repeated and foreign ones."""

    accepted: tuple[str, ...] = Field(description="environments for which the report counts")
    ignored: str | None = Field(description="why it counts for none, as a sentence")
