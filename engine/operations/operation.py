"""
The protocol of a verb, and the steps that every verb shares.

A request passes these steps in this order:

1. `policy` checks: all of them are judged, on facts fetched side by side.
2. `evidence` checks, only where something is left to change: one after the other, until one
   blocks. In a dry run `listed` replaces them, so that no gate command runs.
3. Unless a finding blocks, the plan lists the tag writes of the verb.
4. Under the lease of the target, `refresh` judges the policy again; a tag that moved since is a
   ConflictError.
5. The executor completes an earlier run that was interrupted, then writes the immutable tags, the
   audit backend and the ledger entry (the commit), and moves the head hint and `latest`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from engine.checks.check import Check
from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.errors import ConflictError
from engine.domain.finding import Finding
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.impact.delta import Delta
from engine.domain.plan import Action, Effect, GateMode, Plan, TagWrite
from engine.domain.record import AnyRecord, SignatureStatus
from engine.domain.request import Request
from engine.domain.result import Ending
from engine.operations.review import judge_evidence, judge_policy

R = TypeVar("R", bound=Request)
C = TypeVar("C", bound=Context)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The id and the time (UTC) that a record gets when it is written."""

    id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Consequences:
    """
    The effect of a request on its target, as read from its context.

    `rolled_back` describes a rollback of the source from the version. `gate_results` and `scan`,
    the document of findings to keep, are reported only where evidence was judged.
    """

    writes: tuple[TagWrite, ...] = ()
    gate_results: tuple[GateResult, ...] = ()
    scan: bytes | None = None
    impact: ImpactAnalysis | None = None
    delta: Delta | None = None
    rolled_back: str | None = None
    approvals_required: int = 0
    skipped: tuple[str, ...] = ()


class Operation(Protocol[R, C]):
    """
    A verb: its checks, its consequences and its record.

    `policy` checks depend on the world and are judged again at the moment of writing; `evidence`
    depends only on the artifact. `comparison` has the facts about differences from the running
    version, which are read beside the evidence. `facts` are those that `consequences` and `record`
    read in addition to the facts of the checks.
    """

    action: Action
    ending: Ending
    context: Callable[..., C]
    policy: tuple[Check[R, C], ...]
    evidence: tuple[Check[R, C], ...] = ()
    listed: tuple[Check[R, C], ...] = ()
    comparison: tuple[Fact[Any], ...] = ()
    facts: tuple[Fact[Any], ...] = ()

    def consequences(self, _context: C) -> Consequences:
        """The default has none: lock and unlock only write a record."""
        return Consequences()

    def record(self, request: R, plan: Plan, context: C, stamp: Stamp) -> AnyRecord: ...

    def plan(self, request: R, context: C, policy_digest: str) -> Plan:
        """Judge all checks; a plan that nothing blocks has the writes."""
        plan = self.plan_policy(request, context, policy_digest)
        evidence: tuple[Finding, ...] = ()
        if context.effect is Effect.CHANGE:
            checks = self.evidence if context.mode is GateMode.RUN else self.listed
            blocked = plan.error is not None
            evidence = judge_evidence(request, context, checks, blocked, self.comparison)
        found = self.consequences(context) if evidence else Consequences()
        judged = replace(
            plan,
            mode=context.mode,
            evidence=evidence,
            gate_results=found.gate_results,
            scan=found.scan,
            delta=None if plan.error else found.delta,
            signature=_signature_status(context),
        )
        return replace(judged, writes=() if judged.error else judged.writes)

    def plan_policy(self, request: R, context: C, policy_digest: str) -> Plan:
        """Judge the policy checks only, without gathering evidence; never to be executed."""
        policy = judge_policy(request, context, self.policy, self._facts)
        plan = Plan(
            action=self.action,
            request=request,
            mode=GateMode.LIST,
            policy=policy,
            evidence=(),
            policy_digest=policy_digest,
        )
        return self._add_consequences(plan, context)

    def refresh(self, plan: Plan, request: R, context: C, policy_digest: str) -> Plan:
        """
        Judge the policy of `plan` again, on fresh facts and by the rules of `policy_digest`.

        ConflictError if its tag moved.
        """
        policy = judge_policy(request, context, self.policy, self._facts)
        if plan.manifest and context.artifact and plan.manifest.digest != context.artifact.digest:
            raise ConflictError(
                f"The tag of {plan.manifest.digest.short} moved to "
                f"{context.artifact.digest.short} after it was checked: nothing was changed. Run "
                "the same command again to check the new content",
                {"checked": str(plan.manifest.digest), "found": str(context.artifact.digest)},
            )
        return self._add_consequences(
            replace(plan, policy=policy, policy_digest=policy_digest), context
        )

    @property
    def _facts(self) -> tuple[Fact[Any], ...]:
        return (Context.target_head, Context.effect, *self.facts, Context.committed_entry)

    def _add_consequences(self, plan: Plan, context: C) -> Plan:
        found = self.consequences(context)
        return replace(
            plan,
            effect=context.effect,
            writes=() if plan.error else found.writes,
            manifest=context.artifact,
            previous=context.previous,
            committed=context.committed,
            impact=found.impact,
            rolled_back=found.rolled_back,
            skipped=found.skipped,
            # A committed record was approved already; only its tag has yet to follow.
            approvals_required=found.approvals_required if context.effect is Effect.CHANGE else 0,
        )


def _signature_status(context: Context) -> SignatureStatus:
    """The signature as it was judged; mode `none` and no problem where it was not."""
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
