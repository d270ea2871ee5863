"""Answers as programs read them: what their lines are made of, whoever gave them."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from engine.domain.artifact import Digest
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.record import RegistrySync, SignatureStatus, UtcTime
from engine.domain.result import Ending


class Told(BaseModel):
    """More fields may come."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)


DigestValue = Annotated[
    Digest, BeforeValidator(lambda text: Digest(text) if isinstance(text, str) else text)
]


class ToldFinding(Told):
    check: str
    outcome: str
    reason: str


class ToldError(Told):
    message: str
    exit_code: int = Field(ge=1, le=255)


class ToldAnswer(Told):
    """What the answers to all requests have in common."""

    outcome: Ending
    operator: str | None
    findings: tuple[ToldFinding, ...]
    warnings: tuple[str, ...]
    trace_id: str
    error: ToldError | None

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if self.error else 0

    @property
    def blockers(self) -> tuple[ToldFinding, ...]:
        return tuple(found for found in self.findings if found.outcome == "blocked")


class ToldMove(ToldAnswer):
    """A promotion or a rollback."""

    version: str
    artifact_digest: DigestValue | None
    artifact_tag: str | None
    signature: SignatureStatus | None
    tags: tuple[str, ...]
    registry_sync: tuple[RegistrySync, ...]
    approvals_missing: int = 0


class ToldPromotion(ToldMove):
    source_environment: str | None
    target_environment: str
    promotion_id: str | None
    change_id: str | None = None
    gate_results: tuple[GateResult, ...]
    impact_analysis: ImpactAnalysis | None

    @property
    def step(self) -> str:
        return f"{self.version} from {self.source_environment} to {self.target_environment}"


class ToldRollback(ToldMove):
    environment: str
    reason: str
    rollback_id: str | None
    previous_version: str | None
    impact_analysis: ImpactAnalysis | None


class ToldPending(Told):
    """A change in flight, as far as a status speaks of it."""

    change_id: str
    action: str
    version: str
    state: str
    required: int
    missing_approvals: int


class ToldRow(Told):
    environment: str
    version: str | None


class ToldLastStatus(Told):
    """The details of an error about a status that cannot be read now."""

    last_known: tuple[ToldRow, ...]
    read_at: UtcTime


class ToldFreeze(ToldAnswer):
    """A lock, an unlock or a restore; what only one of them has is None in the others."""

    environment: str
    reason: str
    lock_id: str | None = None
    expires_at: UtcTime | None = None
    unlock_id: str | None = None
    locked_by: str | None = None
    locked_reason: str | None = None
    restore_id: str | None = None
    version: str | None = None
    previous_version: str | None = None
    previous_digest: str | None = None
