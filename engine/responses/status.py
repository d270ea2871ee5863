"""The answer of the status command."""

from collections.abc import Iterable, Sequence
from operator import not_
from typing import Self

from pydantic import Field

from engine.domain.break_glass import OpenReview
from engine.domain.change import Change
from engine.domain.deployments import Deployment, rollout
from engine.domain.record import RegistrySync
from engine.domain.record_base import DigestText, UtcTime, is_unset
from engine.domain.state import LockState, Quarantine
from engine.domain.status import Alignment, EnvironmentStatus, deployed, deviation, intrusion
from engine.domain.windows import Outlook
from engine.responses.change import ChangeResponse
from engine.responses.common import Error, ErrorInfo, Response, Success, TraceId
from engine.responses.deployments import RolloutResponse
from engine.responses.record import RecordResponse


class WindowResponse(Response):
    """Whether the freeze windows of an environment leave it open for one operation."""

    operation: str = Field(description="promote or rollback")
    open: bool = Field(description="whether it is open now")
    window: str | None = Field(description="window that closes it; null while it is open")
    reason: str = Field(description="reason of that window; empty without one")
    contact: str = Field(description="contact of that window; empty without one")
    zone: str = Field(description="time zone of the window")
    opens_at: UtcTime | None = Field(description="next opening; null if none is in two years")
    closes_at: UtcTime | None = Field(description="next closing; null if none is in two years")
    note: str = Field(description="the state for people; empty if it stays open for two years")
    fault: str = Field(
        default="",
        exclude_if=is_unset,
        description="the reason why the calendar of that window cannot be read",
    )

    @classmethod
    def of(cls, outlook: Outlook) -> Self:
        return cls(
            operation=outlook.operation,
            open=outlook.closed_by is None,
            window=outlook.closed_by,
            reason=outlook.reason,
            contact=outlook.contact,
            zone=outlook.zone,
            opens_at=outlook.opens_at,
            closes_at=outlook.closes_at,
            note=outlook.note,
            fault=outlook.fault,
        )


class EnvironmentWindows(Response):
    """The freeze windows of one environment; empty without any."""

    environment: str = Field(description="name of the environment")
    windows: tuple[WindowResponse, ...] = Field(
        description="state for each operation that has windows"
    )

    @classmethod
    def of(cls, environment: str, outlooks: Iterable[Outlook]) -> Self:
        return cls(environment=environment, windows=tuple(map(WindowResponse.of, outlooks)))


class WindowsResponse(Response):
    """The answer of `windows`."""

    success: Success
    environments: tuple[EnvironmentWindows, ...] = Field(description="environments, in order")
    trace_id: TraceId
    error: Error


class EnvironmentResponse(Response):
    """One environment. Facts that cannot be read are null."""

    environment: str = Field(description="name of the environment")
    version: str | None = Field(description="version that should run, according to the ledger")
    digest: DigestText | None = Field(description="digest of that version")
    record: str | None = Field(description="ID of the record that promoted it")
    operator: str | None = Field(description="person or workload that promoted it")
    since: UtcTime | None = Field(description="time of that record")
    latest_digest: DigestText | None = Field(description="digest that latest-<env> points to")
    alignment: Alignment = Field(description="how latest-<env> relates to the ledger")
    drift: bool | None = Field(description="the same as `drifted`")
    drifted: bool | None = Field(
        description="whether latest-<env> was moved outside floe; null when unknown"
    )
    deployed_version: str | None = Field(
        description="version that latest-<env> points to, where it is known"
    )
    deployed_digest: DigestText | None = Field(description="the same as `latest_digest`")
    published_version: str | None = Field(
        description="newest version that the build published, where nothing was promoted yet"
    )
    expected_version: str | None = Field(description="the same as `version`")
    expected_digest: DigestText | None = Field(description="the same as `digest`")
    locked: bool | None = Field(description="whether it is locked now; null when unknown")
    lock: LockState | None = Field(description="the lock in force")
    registry_sync: tuple[RegistrySync, ...] = Field(description="state of each secondary registry")
    pending: tuple[ChangeResponse, ...] | None = Field(
        description="open changes; null when they cannot be read"
    )
    ignored_entries: tuple[int, ...] = Field(
        default=(),
        description="numbers after the newest entry of the ledger whose content does not count",
    )
    untrusted_entries: tuple[int, ...] = Field(
        default=(), description="the ignored entries that no trusted key signed"
    )
    after: str = Field(
        default="",
        description="where versions come from, if the path branches; omitted otherwise",
        exclude_if=not_,
    )
    windows: tuple[WindowResponse, ...] = Field(
        default=(),
        exclude_if=not_,
        description="freeze windows, for each operation that has any; left out without them",
    )
    quarantined: tuple[Quarantine, ...] = Field(
        default=(),
        description="versions that a rollback left and that are not released; omitted if none",
        exclude_if=not_,
    )
    reviews: tuple[OpenReview, ...] = Field(
        default=(),
        exclude_if=not_,
        description="break-glass changes without a review, oldest first; left out without any",
    )
    health: RolloutResponse | None = Field(
        default=None,
        exclude_if=is_unset,
        description="health of the deployments, as systems that deploy report it; left out if none "
        "ever did",
    )
    error: Error

    @classmethod
    def of(
        cls,
        status: EnvironmentStatus,
        pending: Iterable[Change] | None = (),
        reports: Sequence[Deployment] = (),
    ) -> Self:
        """`pending` is None when the open changes cannot be read; `reports` are those of health."""
        state = status.state
        # Unknown is neither true nor false: a script that tests for either stops.
        drifted = status.drifted if status.known else None
        latest = str(status.latest) if status.latest else None
        return cls.build(
            environment=status.name,
            version=state.version,
            digest=state.digest,
            record=state.record,
            operator=state.operator,
            since=state.since,
            latest_digest=latest,
            alignment=status.alignment,
            drift=drifted,
            drifted=drifted,
            deployed_version=status.deployed_version,
            deployed_digest=latest,
            published_version=status.published,
            expected_version=state.version,
            expected_digest=state.digest,
            locked=status.lock is not None if status.known or status.lock else None,
            lock=status.lock,
            registry_sync=status.registry_sync,
            pending=None if pending is None else [ChangeResponse.of(each) for each in pending],
            ignored_entries=status.ignored,
            untrusted_entries=tuple(sorted(status.untrusted)),
            after=status.after,
            windows=tuple(map(WindowResponse.of, status.windows)),
            quarantined=state.quarantined,
            reviews=state.reviews,
            health=_health(status, reports),
            error=ErrorInfo.of(status.error) if status.error else None,
        )

    @property
    def window(self) -> WindowResponse | None:
        """Whether it is open for promotions; None without windows."""
        return next((each for each in self.windows if each.operation == "promote"), None)

    @property
    def intrusions(self) -> tuple[str, ...]:
        """The ignored entries, for people."""
        return tuple(
            intrusion(self.environment, each, each in self.untrusted_entries)
            for each in self.ignored_entries
        )

    @property
    def deviation(self) -> str:
        """The difference between `latest` and the ledger, for people; empty without one."""
        shown = deployed(self.deployed_version, self.latest_digest)
        return deviation(self.environment, self.alignment, shown, self.version)


def _health(status: EnvironmentStatus, reports: Sequence[Deployment]) -> RolloutResponse | None:
    found = rollout(status.state, reports)
    return RolloutResponse.of(status.name, found, reports) if reports else None


class EnvironmentHistoryResponse(EnvironmentResponse):
    """One environment and its newest records."""

    history: tuple[RecordResponse, ...] | None = Field(
        description="newest records; null when they cannot be read"
    )


class LastStatus(Response):
    """The details of an error of a server that cannot read the registry now."""

    last_known: tuple[EnvironmentResponse, ...]
    read_at: UtcTime | None
