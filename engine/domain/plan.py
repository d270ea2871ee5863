"""Plans: the findings and writes of a request, printed by a dry run and carried out otherwise."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ApprovalPendingError, PromotionError
from engine.domain.finding import Finding, Outcome, first_error
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.impact.delta import Delta
from engine.domain.manifest import Manifest
from engine.domain.overrides import Override, used_overrides
from engine.domain.record import AnyRecord, Previous, SignatureStatus
from engine.domain.record_base import ApprovalRecord
from engine.domain.request import (
    ChangeRequest,
    PromotionRequest,
    Request,
    RollbackRequest,
    WaiveRequest,
)

# Frozen, so all plans without signature verification share one value.
UNVERIFIED = SignatureStatus(enforcement="off")


class Action(StrEnum):
    """The verbs, spelled as in JSON and records."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    LOCK = "lock"
    UNLOCK = "unlock"
    ACKNOWLEDGE = "acknowledge"
    ROTATE = "rotate"
    WAIVE = "waive"
    UNWAIVE = "unwaive"
    REVIEW = "review"
    RELEASE = "release"


ACTION_OF: dict[type[ChangeRequest], Action] = {
    PromotionRequest: Action.PROMOTE,
    RollbackRequest: Action.ROLLBACK,
    WaiveRequest: Action.WAIVE,
}


class GateMode(StrEnum):
    """Whether command gates run or are only listed, the only difference of a dry run."""

    RUN = "run"
    LIST = "list"


class Effect(StrEnum):
    """The part of a request that is not done yet."""

    CHANGE = "change"
    COMPLETE = "complete"  # the record is committed, and `latest` has not followed yet
    NOTHING = "nothing"  # an earlier run did all of it


@dataclass(frozen=True, slots=True)
class TagWrite:
    """Point `tag` at `manifest`. An immutable tag is only created, a mutable one may move."""

    tag: Tag
    manifest: Manifest
    immutable: bool

    @property
    def digest(self) -> Digest:
        return self.manifest.digest


@dataclass(frozen=True)
class Plan:
    """
    The findings about a request and, if none blocks it, its exact writes.

    `manifest` is the artifact, pinned when it was first resolved (None for lock and unlock).
    `impact` lists the effects of a return to an older version, `delta` the differences from
    the running version. `rolled_back` describes a rollback
    of the source from the version, if that is its newest event there. `previous` is the version
    that the target runs now. `committed` is the record of an earlier run of the same request.

    A plan with `mode` LIST has gates that did not run, and is never executed. `policy` findings
    depend on the world and are judged again at the moment of writing, `evidence` depends on the
    artifact alone. `scan` is the document of findings that a gate result names. `approvals` are
    those that count at the moment of writing.
    """

    action: Action
    request: Request
    mode: GateMode
    policy: tuple[Finding, ...]
    evidence: tuple[Finding, ...]
    policy_digest: str
    effect: Effect = Effect.CHANGE
    writes: tuple[TagWrite, ...] = ()
    manifest: Manifest | None = None
    gate_results: tuple[GateResult, ...] = ()
    scan: bytes | None = field(default=None, repr=False)
    signature: SignatureStatus = UNVERIFIED
    previous: Previous | None = None
    committed: AnyRecord | None = None
    impact: ImpactAnalysis | None = None
    delta: Delta | None = None
    rolled_back: str | None = None
    approvals_required: int = 0
    skipped: tuple[str, ...] = ()
    approvals: tuple[ApprovalRecord, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.policy + self.evidence

    @property
    def error(self) -> PromotionError | None:
        """The error of the first blocking finding in check order; None if none blocks."""
        return first_error(self.findings)

    @property
    def authorized_via(self) -> str:
        """The reason of the authorization check, such as a group; empty if it blocks."""
        found = (f for f in self.policy if f.check == "authorization" and not f.blocks)
        return next((finding.reason for finding in found), "")

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The overrides that this promotion uses."""
        if not isinstance(self.request, PromotionRequest):
            return ()
        return used_overrides(self.request.overrides, self.policy)

    @property
    def approvals_missing(self) -> int:
        return max(0, self.approvals_required - len(self.approvals))

    @property
    def approval_error(self) -> ApprovalPendingError | None:
        """The error of a plan that must wait for approvals; None if it has enough."""
        if not self.approvals_missing:
            return None
        return ApprovalPendingError(
            f"{self.approvals_missing} of {self.approvals_required} approvals of "
            f"'{self.request.target}' are missing",
            {"required": self.approvals_required, "given": len(self.approvals)},
        )

    def moved_since(self, running: str) -> str:
        """
        Say that the target no longer runs the digest `running` (empty: nothing), which a person saw
        in a preview; empty if it still does.
        """
        if running == (self.previous.digest if self.previous else ""):
            return ""
        version = self.previous.version if self.previous else "nothing"
        return f"'{self.request.target}' now runs {version}, so the impact you saw is out of date"

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.blocks)

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(f.reason for f in self.findings if f.outcome is Outcome.WARNED)
