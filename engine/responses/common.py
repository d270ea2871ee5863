"""Base class, shared fields and nested values of the JSON answers."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.error_record import restore_error
from engine.domain.errors import PromotionError
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.impact.delta import Delta
from engine.domain.overrides import Override
from engine.domain.plan import Plan
from engine.domain.record import Previous, RegistrySync, SignatureStatus
from engine.domain.record_base import DigestText
from engine.domain.result import Ending, Result

Document = dict[str, Any]
# Values of fields that an answer has no information for; every other field is then null.
_UNKNOWN: Document = {
    "success": False,
    "dry_run": False,
    "written": False,
    "outcome": Ending.FAILED,
    "approvals_missing": 0,
    **dict.fromkeys(
        (
            "checkpoints",
            "commands",
            "diagnoses",
            "environments",
            "files",
            "findings",
            "gate_results",
            "overrides",
            "problems",
            "products",
            "records",
            "statements",
            "tags",
            "variables",
            "versions",
            "warnings",
        ),
        (),
    ),
    **dict.fromkeys(("failed", "redelivered", "registries", "registry_sync"), ()),
    **dict.fromkeys(("looser", "other", "relisted", "stricter", "waiting"), 0),
}


class Response(BaseModel):
    """A JSON answer, or a part of one. Fields that a newer server adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    @classmethod
    def build(cls, **fields: object) -> Self:
        """An answer with `fields`; the other fields are null, empty, zero or "failed"."""
        unknown = {name: _UNKNOWN.get(name) for name in cls.model_fields}
        return cls.model_validate(unknown | fields, extra="forbid", from_attributes=True)

    def document(self) -> Document:
        """The answer as JSON values, in the order of its fields."""
        return self.model_dump(mode="json", fallback=str)


class ErrorInfo(Response):
    """Why a request failed."""

    type: str = Field(description="class of the error")
    reason_code: str = Field(description="stable code for programs")
    message: str = Field(description="one sentence for people")
    exit_code: int = Field(ge=1, le=255, description="exit code of the command")
    details: dict[str, Any] = Field(default={}, description="facts of the message, by field")

    @classmethod
    def of(cls, error: PromotionError) -> Self:
        return cls(
            type=error.kind,
            reason_code=error.reason_code,
            message=str(error),
            exit_code=error.exit_code,
            details=error.details,
        )

    def exception(self) -> PromotionError:
        return restore_error(
            self.type, self.reason_code, self.exit_code, self.message, self.details
        )


class FindingInfo(Response):
    """The finding of one check."""

    check: str = Field(description="name of the check")
    outcome: str = Field(description="passed, warned, blocked or skipped")
    reason: str = Field(description="one sentence for people")


Success = Annotated[bool, Field(description="whether the request took effect")]
Outcome = Annotated[Ending, Field(description="result of the request")]
TraceId = Annotated[
    str, Field(description="32 hex digits; the same in the record, webhooks and spans")
]
Error = Annotated[ErrorInfo | None, Field(description="reason of the failure; null on success")]
ChangeId = Annotated[str | None, Field(description="ID of the change (c-…), if one was submitted")]
Findings = Annotated[tuple[FindingInfo, ...], Field(description="finding of each check")]
Gates = Annotated[tuple[GateResult, ...], Field(description="result of each gate")]
Signature = Annotated[
    SignatureStatus | None, Field(description="mode, issuer, subject and fingerprint")
]
Impact = Annotated[ImpactAnalysis | None, Field(description="effects of going to an older version")]
Changes = Annotated[
    Delta | None,
    Field(description="differences from the running version; left out where none are known"),
    Field(exclude_if=lambda value: value is None),
]
UsedOverrides = Annotated[
    tuple[Override, ...], Field(description="rules that the promotion was exempted from")
]
OperatorName = Annotated[str | None, Field(description="person or workload that asked")]
AuthorizedVia = Annotated[str | None, Field(description="rule that authorized the operator")]
ApprovalsMissing = Annotated[
    int, Field(description="number of approvals by other people that are still missing")
]
Tags = Annotated[tuple[str, ...], Field(description="tags written, or to be written")]
Replication = Annotated[
    tuple[RegistrySync, ...], Field(description="state of each secondary registry")
]
Warnings = Annotated[tuple[str, ...], Field(description="problems that did not stop the request")]
ArtifactDigest = Annotated[DigestText | None, Field(description="digest of the artifact")]
PreviousVersion = Annotated[str | None, Field(description="version that ran before")]
PreviousDigest = Annotated[DigestText | None, Field(description="digest that ran before")]
RecordId = Annotated[
    str | None, Field(description="ID of the record; null when nothing was recorded")
]

AnchorText = Annotated[
    str | None,
    Field(description="environment, number and digest of the ledger entry, as `env#7 sha256:…`"),
]


class ErrorResponse(Response):
    """A failed request. Every other answer to a failed request has these fields, too."""

    success: Success
    trace_id: TraceId
    error: ErrorInfo = Field(description="reason of the failure")

    @classmethod
    def of(cls, error: PromotionError, trace_id: str) -> Self:
        return cls(success=False, trace_id=trace_id, error=ErrorInfo.of(error))


class FailureResponse(Response):
    """A failed request of the web API, or a failed command about changes."""

    success: Success
    outcome: Outcome
    trace_id: TraceId
    error: ErrorInfo = Field(description="reason of the failure")

    @classmethod
    def of(cls, error: PromotionError, trace_id: str) -> Self:
        return cls.build(trace_id=trace_id, error=ErrorInfo.of(error))


def fields_of_previous(previous: Previous | None) -> Document:
    """The version and digest that a promotion or rollback replaces."""
    return {
        "previous_version": previous.version if previous else None,
        "previous_digest": previous.digest if previous else None,
    }


def fields_of_plan(plan: Plan) -> Document:
    """The fields that every answer about a planned promotion or rollback has."""
    return {
        "artifact_digest": str(plan.manifest.digest) if plan.manifest else None,
        "artifact_tag": next((str(w.tag) for w in plan.writes if w.immutable), None),
        **fields_of_previous(plan.previous),
        "findings": plan.findings,
        "signature": plan.signature,
        "operator": plan.request.operator.name,
        "authorized_via": plan.authorized_via or None,
        "impact_analysis": plan.impact,
        "delta": plan.delta,
        "approvals_missing": plan.approvals_missing,
        "tags": [str(write.tag) for write in plan.writes],
    }


def end_of_plan(plan: Plan, ending: Ending) -> Document:
    """The end of a dry run: `ending`, unless a check blocks."""
    return _end(Ending.BLOCKED if plan.error else ending, plan.warnings, plan.error)


def end_of_run(result: Result) -> Document:
    return _end(result.outcome, result.warnings, result.error)


def _end(outcome: Ending, warnings: tuple[str, ...], error: PromotionError | None) -> Document:
    return {
        "success": error is None,
        "outcome": outcome,
        "warnings": warnings,
        "error": ErrorInfo.of(error) if error else None,
    }
