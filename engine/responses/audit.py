"""The answer of an audit."""

from typing import Self

from pydantic import Field

from engine.domain.audit import AuditReport, EnvironmentAudit, RemarkKind
from engine.domain.record_base import DigestText
from engine.responses.common import Error, Response, Success, TraceId


class AuditFinding(Response):
    """One problem or note, with its place in the ledger or its tag."""

    kind: RemarkKind = Field(description="kind of the finding")
    environment: str = Field(description="environment of the ledger")
    sequence: int | None = Field(description="place in the ledger")
    tag: str | None = Field(description="tag that the finding is about")
    message: str = Field(description="one sentence for people")


class EnvironmentAuditResponse(Response):
    """The audit of one ledger."""

    environment: str = Field(description="environment of the ledger")
    entries: int = Field(description="number of records that the head proves")
    head: DigestText | None = Field(description="digest of the newest entry; null without any")
    problems: tuple[AuditFinding, ...] = Field(description="findings that make the audit fail")
    notes: tuple[AuditFinding, ...] = Field(description="findings that need no action")

    @classmethod
    def of(cls, found: EnvironmentAudit) -> Self:
        return cls.build(
            environment=found.environment,
            entries=found.entries,
            head=str(found.head) if found.head else None,
            problems=found.problems,
            notes=found.notes,
        )

    def strict(self) -> Self:
        """With records made under another configuration as problems."""
        policy = tuple(note for note in self.notes if note.kind is RemarkKind.POLICY)
        notes = tuple(note for note in self.notes if note.kind is not RemarkKind.POLICY)
        return self.model_copy(update={"problems": self.problems + policy, "notes": notes})


class AuditResponse(Response):
    """The answer of `audit verify`."""

    success: Success = Field(description="whether no ledger has a problem")
    environments: tuple[EnvironmentAuditResponse, ...] = Field(description="the ledgers")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, report: AuditReport, trace_id: str) -> Self:
        return cls.build(
            success=report.sound,
            environments=[EnvironmentAuditResponse.of(found) for found in report.environments],
            trace_id=trace_id,
        )

    @property
    def sound(self) -> bool:
        return self.success and not any(each.problems for each in self.environments)

    def strict(self) -> Self:
        """See `EnvironmentAuditResponse.strict`."""
        strict = self.model_copy(
            update={"environments": tuple(each.strict() for each in self.environments)}
        )
        return strict.model_copy(update={"success": strict.sound})


class AcceptResponse(Response):
    """The answer of `audit accept`."""

    success: Success
    environment: str | None = Field(description="environment of the ledger; null on failure")
    trace_id: TraceId
    error: Error
