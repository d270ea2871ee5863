"""The answer to a promotion."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import Field

from engine.domain.errors import PromotionError
from engine.domain.overrides import NO_OVERRIDES, Overrides, used_overrides
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
    Gates,
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
    UsedOverrides,
    Warnings,
    end_of_plan,
    fields_of_plan,
)

if TYPE_CHECKING:
    from engine.responses.change import ChangeResponse


@dataclass(frozen=True)
class PromotionInput:
    """The input of a promotion as typed; answers repeat it even when it is invalid."""

    version: str
    source: str | None
    target: str
    dry_run: bool
    trace_id: str
    overrides: Overrides = NO_OVERRIDES
    at: str | None = None


class PromotionResponse(Response):
    """The answer to a promotion, also to one that only started, failed or was a dry run."""

    success: Success
    outcome: Outcome
    promotion_id: RecordId
    anchor: AnchorText
    change_id: ChangeId
    artifact_digest: ArtifactDigest
    artifact_tag: str | None = Field(description="the immutable tag of the target environment")
    version: str = Field(description="version as requested")
    source_environment: str | None = Field(description="environment the version comes from")
    target_environment: str = Field(description="environment the version goes to")
    previous_version: PreviousVersion
    previous_digest: PreviousDigest
    findings: Findings
    gate_results: Gates
    signature: Signature
    operator: OperatorName
    authorized_via: AuthorizedVia
    overrides: UsedOverrides
    impact_analysis: Impact
    delta: Changes = None
    approvals_missing: ApprovalsMissing
    tags: Tags
    registry_sync: Replication
    warnings: Warnings
    promoted_at: UtcTime | None = Field(description="time of the record")
    trace_id: TraceId
    dry_run: bool = Field(description="whether this was a dry run")
    error: Error

    @classmethod
    def failed(cls, typed: PromotionInput, error: PromotionError) -> Self:
        """The answer when the request could not be judged."""
        return cls.build(**_input(typed), error=ErrorInfo.of(error))

    @classmethod
    def of_dry_run(cls, typed: PromotionInput, plan: Plan) -> Self:
        unchanged = plan.effect is Effect.NOTHING and not plan.error
        ending = Ending.UNCHANGED if unchanged else Ending.PROMOTED
        return cls.build(**(_input(typed) | _planned(plan) | end_of_plan(plan, ending)))

    @classmethod
    def of_change(cls, typed: PromotionInput, change: "ChangeResponse") -> Self:
        """The answer to a promotion from its change, open or ended."""
        planned_tag = f"{change.version}-{change.target}" if change.open else None
        return cls.build(
            **(_input(typed) | change.shared_fields(Ending.PROMOTED)),
            promotion_id=change.record_id,
            artifact_tag=change.artifact_tag or planned_tag,
            gate_results=change.gate_results,
            overrides=used_overrides(change.overrides, change.findings),
            promoted_at=change.recorded_at,
        )

    @property
    def step(self) -> str:
        return f"{self.version} from {self.source_environment} to {self.target_environment}"


def _input(typed: PromotionInput) -> Document:
    return {
        "version": typed.version,
        "source_environment": typed.source,
        "target_environment": typed.target,
        "dry_run": typed.dry_run,
        "trace_id": typed.trace_id,
    }


def _planned(plan: Plan) -> Document:
    return fields_of_plan(plan) | {"gate_results": plan.gate_results, "overrides": plan.overrides}
