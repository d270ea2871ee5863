"""What every verb is made of, and how it becomes a plan."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from engine.checks.check import Check
from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.errors import ConflictError
from engine.domain.finding import Finding, first_error
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.plan import Action, Effect, GateMode, Plan, TagWrite
from engine.domain.record import AnyRecord, SignatureStatus
from engine.domain.request import Request
from engine.domain.result import Ending
from engine.operations.review import judge_evidence, judge_policy

R = TypeVar("R", bound=Request)
C = TypeVar("C", bound=Context)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a record gets at the moment of writing."""

    id: UUID
    at: datetime


def _signature(context: Context) -> SignatureStatus:
    """The signature as it was judged, or that it was not."""
    enforcement = context.target.signature.value
    verdict = context.peek(Context.signature)
    if verdict is None:
        return SignatureStatus(enforcement=enforcement)
    return SignatureStatus(
        enforcement=enforcement,
        mode=verdict.mode,
        issuer=verdict.issuer,
        subject=verdict.subject,
        fingerprint=verdict.fingerprint,
        problem=verdict.problem,
    )


def _nothing(_context: Any) -> tuple[Any, ...]:
    return ()


def _no_impact(_context: Any) -> None:
    return None


def _none_needed(_context: Any) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Operation(Generic[R, C]):
    """
    A verb: `policy` depends on the world and is judged again at the moment of writing;
    `evidence` depends only on the artifact, so it is gathered once; `listed` stands for it where
    gates are not to run. `facts` are those the writes need beside what the checks read; `run`
    names the fields of `record` that differ between two runs of one request.
    """

    action: Action
    ending: Ending
    context: Callable[..., C]
    policy: tuple[Check[R, C], ...]
    record: Callable[[R, Plan, C, Stamp], AnyRecord]
    run: frozenset[str]
    evidence: tuple[Check[R, C], ...] = ()
    listed: tuple[Check[R, C], ...] = ()
    facts: tuple[Fact[Any], ...] = ()
    writes: Callable[[C], tuple[TagWrite, ...]] = _nothing
    results: Callable[[C], tuple[GateResult, ...]] = _nothing
    impact: Callable[[C], ImpactAnalysis | None] = _no_impact
    rolled_back: Callable[[C], str | None] = _no_impact
    approvals: Callable[[C], int] = _none_needed

    def plan(self, request: R, context: C, policy_digest: str) -> Plan:
        """Judge everything, and state the writes if nothing blocks."""
        policy = judge_policy(request, context, self.policy, self._facts)
        evidence: tuple[Finding, ...] = ()
        if context.effect is Effect.CHANGE:
            checks = self.evidence if context.mode is GateMode.RUN else self.listed
            blocked = first_error(policy) is not None
            evidence = judge_evidence(request, context, checks, blocked)
        plan = Plan(
            action=self.action,
            request=request,
            mode=context.mode,
            policy=policy,
            evidence=evidence,
            policy_digest=policy_digest,
            gate_results=self.results(context) if evidence else (),
            signature=_signature(context),
        )
        return self._stated(plan, context)

    def look(self, request: R, context: C, policy_digest: str) -> Plan:
        """Judge the policy alone: where things stand, without gathering evidence."""
        policy = judge_policy(request, context, self.policy, self._facts)
        plan = Plan(
            action=self.action,
            request=request,
            mode=GateMode.LIST,
            policy=policy,
            evidence=(),
            policy_digest=policy_digest,
        )
        return self._stated(plan, context)

    def renew(self, plan: Plan, request: R, context: C) -> Plan:
        """`plan` with its policy judged again on fresh facts; ConflictError if its tag moved."""
        policy = judge_policy(request, context, self.policy, self._facts)
        if plan.manifest and context.artifact and plan.manifest.digest != context.artifact.digest:
            raise ConflictError(
                f"The tag of {plan.manifest.digest.short} moved to "
                f"{context.artifact.digest.short} after it was checked: nothing was changed. Run "
                "the same command again to check what it is now",
                {"checked": str(plan.manifest.digest), "found": str(context.artifact.digest)},
            )
        return self._stated(replace(plan, policy=policy), context)

    def same(self, one: AnyRecord, other: AnyRecord) -> bool:
        """Whether two records are of one request, made by different runs of it."""
        run = {*self.run, "copied_to"}
        return one.model_dump(exclude=run) == other.model_dump(exclude=run)

    @property
    def _facts(self) -> tuple[Fact[Any], ...]:
        return (Context.target_head, Context.effect, *self.facts)

    def _stated(self, plan: Plan, context: C) -> Plan:
        return replace(
            plan,
            effect=context.effect,
            writes=() if plan.error else self.writes(context),
            manifest=context.artifact,
            previous=context.previous,
            committed=context.committed,
            impact=self.impact(context),
            rolled_back=self.rolled_back(context),
            # What is committed was agreed to; only its tag has yet to follow.
            approvals_required=self.approvals(context) if context.effect is Effect.CHANGE else 0,
        )
