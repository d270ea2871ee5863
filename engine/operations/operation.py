"""What every verb is made of, and how it becomes a plan."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.checks.check import Check
from engine.context import Context
from engine.domain.errors import ConflictError
from engine.domain.finding import Finding, first_error
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.plan import Action, Effect, GateMode, Plan, TagWrite
from engine.domain.record import AnyRecord
from engine.domain.request import Request
from engine.facts import Fact
from engine.review import NOT_RUN, judge_evidence, judge_policy


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a record gets at the moment of writing."""

    id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    """
    A verb: `policy` depends on the world and is judged again at the moment of writing;
    `evidence` depends only on the artifact, so it is gathered once; `listed` stands for it where
    gates are not to run. `facts` are those the writes need beside what the checks read.
    """

    action: Action
    policy: tuple[Check, ...]
    evidence: tuple[Check, ...]
    listed: tuple[Check, ...]
    facts: tuple[Fact[Any], ...]
    writes: Callable[[Context], tuple[TagWrite, ...]]
    record: Callable[[Plan, Stamp], AnyRecord]

    def plan(self, request: Request, context: Context, policy_digest: str) -> Plan:
        """Judge everything, and state the writes if nothing blocks."""
        policy = judge_policy(request, context, self.policy, self.facts)
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
            gate_results=gate_results(context) if evidence else (),
        )
        return self._stated(plan, context)

    def renew(self, plan: Plan, context: Context) -> Plan:
        """`plan` with its policy judged again on fresh facts; ConflictError if the tag moved."""
        policy = judge_policy(plan.request, context, self.policy, self.facts)
        if plan.manifest and plan.manifest.digest != context.manifest.digest:
            raise ConflictError(
                f"Tag '{context.source_tag}' moved from {plan.manifest.digest.short} to "
                f"{context.manifest.digest.short} after it was checked: nothing was promoted. Run "
                "the same command again to check what it is now",
                {"tag": str(context.source_tag), "found": str(context.manifest.digest)},
            )
        return self._stated(replace(plan, policy=policy), context)

    def _stated(self, plan: Plan, context: Context) -> Plan:
        committed = context.target_promotion
        return replace(
            plan,
            effect=context.effect,
            writes=() if plan.error else self.writes(context),
            manifest=context.manifest,
            previous=context.previous,
            committed=committed.record if committed else None,
        )


def gate_results(context: Context) -> tuple[GateResult, ...]:
    """Every gate of the target: as it ended, or skipped and why (FR-011)."""
    reason = NOT_RUN if context.mode is GateMode.RUN else "not run in a dry run"
    ran = context.peek(Context.gate_results)
    skipped = tuple(_skipped(gate.kind, reason) for gate in context.target.gates)
    compliance = context.peek(Context.compliance) or _skipped(GateKind.POLICY_COMPLIANCE, NOT_RUN)
    return (compliance, *(skipped if ran is None else ran))


def _skipped(kind: GateKind, reason: str) -> GateResult:
    return GateResult(gate=kind, status=GateStatus.SKIPPED, error=reason)
