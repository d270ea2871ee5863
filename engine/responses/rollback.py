"""The answer to a rollback."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import Field

from engine.domain.errors import PromotionError
from engine.domain.plan import Effect, Plan
from engine.domain.record_base import UtcTime
from engine.domain.result import Ending
from engine.responses.common import (
    AnchorText,
    ApprovalsMissing,
    ArtifactDigest,
    AuthorizedVia,
    ChangeId,
    Changes,
    Document,
    Error,
    ErrorInfo,
    Findings,
    Impact,
    OperatorName,
    Outcome,
    PreviousDigest,
    PreviousVersion,
    RecordId,
    Replication,
    Response,
    Signature,
    Success,
    Tags,
    TraceId,
    Warnings,
    end_of_plan,
    fields_of_plan,
)

if TYPE_CHECKING:
    from engine.responses.change import ChangeResponse


@dataclass(frozen=True)
class RollbackInput:
    """The input of a rollback as typed; answers repeat it even when it is invalid."""

    version: str
    environment: str
    reason: str
    dry_run: bool
    trace_id: str
    incident: str = ""
    quarantine: bool = True

    @property
    def body(self) -> Document:
        """The request to a server, without a dry run or an incident."""
        given = {"version": self.version, "environment": self.environment, "reason": self.reason}
        return given if self.quarantine else {**given, "quarantine": False}

    @property
    def stated_reason(self) -> str | None:
        """The reason; None for a dry run without one, which leaves no record."""
        return None if self.dry_run and not self.reason else self.reason


class RollbackResponse(Response):
    """The answer to a rollback, also to one that only started, failed or was a dry run."""

    success: Success
    outcome: Outcome
    rollback_id: RecordId
    anchor: AnchorText
    change_id: ChangeId
    artifact_digest: ArtifactDigest
    artifact_tag: str | None = Field(description="<version>-<env>-rollback-<n>")
    environment: str = Field(description="environment to roll back")
    version: str = Field(description="version to return to, as requested")
    previous_version: PreviousVersion
    previous_digest: PreviousDigest
    reason: str = Field(description="reason as given")
    quarantined: str | None = Field(
        description="version that it quarantined, or would quarantine; else null"
    )
    operator: OperatorName
    authorized_via: AuthorizedVia
    impact_analysis: Impact
    delta: Changes = None
    approvals_missing: ApprovalsMissing
    findings: Findings
    signature: Signature
    tags: Tags
    registry_sync: Replication
    warnings: Warnings
    rolled_back_at: UtcTime | None = Field(description="time of the record")
    trace_id: TraceId
    dry_run: bool = Field(description="whether this was a dry run")
    error: Error

    @classmethod
    def failed(cls, typed: RollbackInput, error: PromotionError) -> Self:
        """The answer when the request could not be judged."""
        return cls.build(**_input(typed), error=ErrorInfo.of(error))

    @classmethod
    def of_dry_run(cls, typed: RollbackInput, plan: Plan) -> Self:
        unchanged = plan.effect is Effect.NOTHING
        ending = Ending.UNCHANGED if unchanged else Ending.ROLLED_BACK
        document = _input(typed) | fields_of_plan(plan) | end_of_plan(plan, ending)
        held = typed.quarantine and ending is Ending.ROLLED_BACK and not plan.error
        moves = document["previous_digest"] != document["artifact_digest"]
        left = document["previous_version"] if held and moves else None
        return cls.build(**document, quarantined=left)

    @classmethod
    def of_change(cls, typed: RollbackInput, change: "ChangeResponse") -> Self:
        """The answer to a rollback from its change, open or ended."""
        return cls.build(
            **(_input(typed) | change.shared_fields(Ending.ROLLED_BACK)),
            quarantined=change.quarantined,
            rollback_id=change.record_id,
            artifact_tag=change.artifact_tag,
            rolled_back_at=change.recorded_at,
        )


def _input(typed: RollbackInput) -> Document:
    return {
        "version": typed.version,
        "environment": typed.environment,
        "reason": typed.reason,
        "dry_run": typed.dry_run,
        "trace_id": typed.trace_id,
    }
