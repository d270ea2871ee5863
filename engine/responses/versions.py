"""The answer about published versions."""

from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import Field

from engine.domain.errors import PromotionError
from engine.domain.status import EnvironmentStatus
from engine.domain.versions import Presence, VersionPage, VersionRow, describe_places
from engine.responses.common import Error, ErrorInfo, Response, Success, TraceId


class VersionCell(Response):
    """The state of one version in one environment."""

    environment: str = Field(description="name of the environment")
    state: Presence = Field(description="where the version stands there")
    change_id: str | None = Field(description="ID of the open or failed change that brings it")


class VersionResponse(Response):
    """One version and its state in every environment."""

    version: str = Field(description="the version")
    environments: tuple[VersionCell, ...] = Field(description="its state in each environment")
    promotable_to: tuple[str, ...] = Field(
        description="environments to which the path lets it go next; other rules may refuse it"
    )

    @classmethod
    def of(cls, row: VersionRow) -> Self:
        return cls(
            version=row.version,
            environments=tuple(
                VersionCell(environment=e.environment, state=e.presence, change_id=e.change)
                for e in row.places
            ),
            promotable_to=row.promotable_to,
        )

    @property
    def description(self) -> str:
        """The states for people."""
        return describe_places((each.environment, each.state) for each in self.environments)


class VersionsResponse(Response):
    """A page of the published versions, newest first."""

    success: Success = Field(description="whether the tags could be listed")
    versions: tuple[VersionResponse, ...] = Field(description="the versions of this page")
    total: int | None = Field(description="number of versions on all pages")
    next: str | None = Field(description="`after` of the next page; null on the last one")
    unread: Mapping[str, str] = Field(
        default_factory=dict, description="environments that cannot be read, and why"
    )
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, page: VersionPage, statuses: Iterable[EnvironmentStatus], trace_id: str) -> Self:
        return cls.build(
            success=True,
            versions=tuple(map(VersionResponse.of, page.rows)),
            total=page.total,
            next=page.next,
            unread={row.name: str(row.error) for row in statuses if row.error},
            trace_id=trace_id,
        )

    @classmethod
    def failed(cls, error: PromotionError, trace_id: str) -> Self:
        return cls.build(unread={}, trace_id=trace_id, error=ErrorInfo.of(error))
