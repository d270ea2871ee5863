"""What would happen: printed by a dry run, carried out by a real one."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import PromotionError
from engine.domain.finding import Finding, Outcome, first_error
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.manifest import Manifest
from engine.domain.overrides import Override, needed
from engine.domain.record import AnyRecord, ApprovalRecord, Previous, SignatureStatus
from engine.domain.request import PromotionRequest, Request

# Frozen, so one value serves every plan made where signatures are not asked for.
UNVERIFIED = SignatureStatus(enforcement="off")


class Action(StrEnum):
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    LOCK = "lock"
    UNLOCK = "unlock"


class GateMode(StrEnum):
    """Whether command gates run, or are only listed: the one difference a dry run makes."""

    RUN = "run"
    LIST = "list"


class Effect(StrEnum):
    """What is left to do."""

    CHANGE = "change"
    COMPLETE = "complete"  # the record is committed, only `latest` has not followed yet
    NOTHING = "nothing"  # all of it is in place


@dataclass(frozen=True, slots=True)
class TagWrite:
    """Point `tag` at `manifest`. An immutable tag may only be created, a mutable one moves."""

    tag: Tag
    manifest: Manifest
    immutable: bool

    @property
    def digest(self) -> Digest:
        return self.manifest.digest


@dataclass(frozen=True)
class Plan:
    """
    The findings about a request and, if none blocks it, the exact writes it takes.

    `manifest` is the artifact, pinned when it was first resolved (None for lock and unlock);
    `impact` what going back to an older version undoes; `rolled_back` who rolled the source back
    from the version, if its last event there is that; `previous` what the target runs now;
    `committed` the record that already says what is asked for, if any. A plan made with `mode`
    LIST has gates that did not run and is never executed. `policy` findings depend on the world
    and are judged again at the moment of writing, `evidence` on the artifact alone. `approvals`
    are those that count at the moment of writing.
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
    signature: SignatureStatus = UNVERIFIED
    previous: Previous | None = None
    committed: AnyRecord | None = None
    impact: ImpactAnalysis | None = None
    rolled_back: str | None = None
    approvals_required: int = 0
    approvals: tuple[ApprovalRecord, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.policy + self.evidence

    @property
    def error(self) -> PromotionError | None:
        """Why this plan cannot be carried out; the first blocker in check order."""
        return first_error(self.findings)

    @property
    def authorized_via(self) -> str:
        """What let the operator in, as the authorization check found."""
        found = (f for f in self.policy if f.check == "authorization" and not f.blocks)
        return next((finding.reason for finding in found), "")

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The rules this promotion is exempted from."""
        if not isinstance(self.request, PromotionRequest):
            return ()
        return needed(self.request.overrides, self.policy)

    @property
    def approvals_missing(self) -> int:
        return max(0, self.approvals_required - len(self.approvals))

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.blocks)

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(f.reason for f in self.findings if f.outcome is Outcome.WARNED)
