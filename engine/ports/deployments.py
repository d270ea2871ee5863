"""The last report of each target about the artifact that it runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from engine.domain.deployments import Deployment


class Deployments(Protocol):
    """
    Stores the last report of each target in the environments of one product.

    Losing it is harmless. Methods raise StoreUnavailableError if it is unusable.
    """

    def add(self, environment: str, deployment: Deployment, since: datetime) -> bool:
        """
        Store a report; False without a change if a report of its target is as new, or newer.

        `since` is the time (UTC) of the promotion: targets without a report later than 30 days
        before it are forgotten.
        UsageError if the environment has too many targets.
        """
        ...

    def of(self, environment: str) -> tuple[Deployment, ...]:
        """List the last report of each target, by its name."""
        ...

    def all(self) -> Mapping[str, tuple[Deployment, ...]]:
        """List the last reports of all environments that have any."""
        ...


class NoDeployments:
    """Implements `Deployments` without reports."""

    def add(self, environment: str, deployment: Deployment, since: datetime) -> bool:  # noqa: ARG002 - none
        return False

    def of(self, environment: str) -> tuple[Deployment, ...]:  # noqa: ARG002 - none
        return ()

    def all(self) -> Mapping[str, tuple[Deployment, ...]]:
        return {}


NO_DEPLOYMENTS = NoDeployments()
