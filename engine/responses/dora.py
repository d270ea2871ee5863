"""The answer of `dora`: figures of software delivery."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from engine.domain.dora import DEFINITIONS, Figures
from engine.domain.record_base import UtcTime
from engine.domain.text import largest_unit
from engine.responses.common import Error, Response, Success, TraceId

FIGURES = ("deployments", "per day", "lead time", "change fail rate", "recovery time")


class DeliveryFigures(Response):
    """The figures of one environment; a rate or a time is null without anything to count."""

    environment: str = Field(description="name of the environment")
    deployments: int = Field(description="promotions to it in the period")
    failed_deployments: int = Field(description="those of them that a rollback left")
    deployments_per_day: float = Field(description="deployment frequency")
    lead_time_seconds: float | None = Field(description="median lead time")
    change_fail_rate: float | None = Field(description="from 0 to 1")
    recovery_time_seconds: float | None = Field(description="median recovery time")

    @property
    def texts(self) -> tuple[str, str, str, str, str]:
        """The figures for people, in the order of `FIGURES`."""
        rate = self.change_fail_rate
        return (
            str(self.deployments),
            f"{self.deployments_per_day:.2f}",
            duration_text(self.lead_time_seconds),
            "-" if rate is None else f"{rate:.0%} ({self.failed_deployments})",
            duration_text(self.recovery_time_seconds),
        )


class DoraResponse(Response):
    """The figures of all environments, and how they are defined."""

    success: Success
    since: UtcTime | None = Field(description="begin of the period")
    until: UtcTime | None = Field(description="end of the period")
    environments: tuple[DeliveryFigures, ...] = Field(description="in the order of the path")
    definitions: dict[str, str] = Field(description="definition of each figure")
    unread: dict[str, int] = Field(
        description="number of older records that the server has not read yet, by environment; "
        "empty if the figures are complete"
    )
    trace_id: TraceId
    error: Error

    @classmethod
    def of(
        cls,
        found: Iterable[Figures],
        since: datetime,
        until: datetime,
        trace_id: str,
        unread: Mapping[str, int] | None = None,
    ) -> Self:
        return cls.build(
            success=True,
            since=since,
            until=until,
            environments=tuple(map(_figures, found)),
            definitions=DEFINITIONS,
            unread=dict(unread or {}),
            trace_id=trace_id,
        )


def duration_text(seconds: float | None) -> str:
    """Format a duration in its largest unit, with one decimal; `-` without one."""
    if seconds is None:
        return "-"
    size, unit = largest_unit(seconds)
    return f"{seconds / size:.1f} {unit}"


def _figures(found: Figures) -> DeliveryFigures:
    return DeliveryFigures(
        environment=found.environment,
        deployments=found.deployments,
        failed_deployments=found.failed,
        deployments_per_day=found.per_day,
        lead_time_seconds=_seconds(found.lead_time),
        change_fail_rate=found.change_fail_rate,
        recovery_time_seconds=_seconds(found.recovery_time),
    )


def _seconds(time: timedelta | None) -> float | None:
    return time.total_seconds() if time is not None else None
