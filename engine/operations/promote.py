"""Promote: give the digest of a version the tags of the next environment."""

from dataclasses import replace

from engine.checks.authorization import authorization
from engine.checks.break_glass import break_glass
from engine.checks.drift import drift
from engine.checks.gates import gates, listed_gates, policy_compliance
from engine.checks.immutability import immutability
from engine.checks.lock import lock
from engine.checks.loosened_rules import loosened_rules
from engine.checks.order import order
from engine.checks.promoted_to_source import promoted_to_source
from engine.checks.rolled_back import describe_rollbacks, rolled_back
from engine.checks.separation_of_duties import separation_of_duties
from engine.checks.signature import signature
from engine.checks.version_order import version_order
from engine.checks.waivers import used_waivers, waivers_in_force
from engine.checks.windows import window
from engine.context.promotion import PromotionContext
from engine.domain.gate import GateKind, GateResult, GateStatus, ScanResult
from engine.domain.plan import Action, Effect, GateMode, Plan, TagWrite
from engine.domain.record import PromotionRecord
from engine.domain.record_header import record_header
from engine.domain.request import PromotionRequest
from engine.domain.result import Ending
from engine.operations.break_glass import used_break_glass
from engine.operations.operation import Consequences, Operation, Stamp
from engine.operations.review import NOT_RUN


class Promote(Operation[PromotionRequest, PromotionContext]):
    action = Action.PROMOTE
    ending = Ending.PROMOTED
    context = PromotionContext
    policy = (
        break_glass,
        order,
        drift,
        promoted_to_source,
        rolled_back,
        lock,
        window,
        authorization,
        separation_of_duties,
        immutability,
        version_order,
        loosened_rules,
        waivers_in_force,
    )
    evidence = (signature, policy_compliance, gates)
    listed = (signature, policy_compliance, listed_gates)
    comparison = (
        PromotionContext.running_findings,
        PromotionContext.source_findings,
        PromotionContext.running_build,
        PromotionContext.coming_build,
    )
    facts = (PromotionContext.impact,)

    def consequences(self, context: PromotionContext) -> Consequences:
        return Consequences(
            writes=_tag_writes(context),
            gate_results=_gate_results(context),
            scan=_scan(context),
            impact=context.impact,
            delta=context.delta(),
            rolled_back=describe_rollbacks(context),
            approvals_required=0 if context.glass else context.target.approvals.required,
            skipped=("approvals",) if context.glass and context.target.approvals.required else (),
        )

    def refresh(
        self, plan: Plan, request: PromotionRequest, context: PromotionContext, policy_digest: str
    ) -> Plan:
        """Judge the waivers that the gates of `plan` used, too."""
        used = replace(request, waived=used_waivers(plan.gate_results))
        return super().refresh(plan, used, context, policy_digest)

    def record(
        self, request: PromotionRequest, plan: Plan, context: PromotionContext, stamp: Stamp
    ) -> PromotionRecord:
        return PromotionRecord(
            promotion_id=stamp.id,
            artifact_digest=str(context.manifest.digest),
            artifact_tag=str(context.target.tag(request.version)),
            version=str(request.version),
            source_environment=_source(request, context),
            sources=context.proven_sources if len(context.sources) > 1 else (),
            target_environment=request.target,
            gate_results=plan.gate_results,
            signature_verified=plan.signature.verified,
            signature_status=plan.signature,
            authorization_passed=True,
            authorized_via=plan.authorized_via,
            approvals=plan.approvals,
            requested_at=request.asked_at,
            promoted_at=stamp.at,
            warnings=plan.warnings,
            overrides=plan.overrides,
            impact_analysis=plan.impact,
            previous=plan.previous,
            break_glass=used_break_glass(context, plan, stamp, request.overrides.reason),
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )


def _source(request: PromotionRequest, context: PromotionContext) -> str:
    """The one source, or the first of several that has the artifact."""
    return request.source if len(context.sources) < 2 else context.proven_sources[0]


def _tag_writes(context: PromotionContext) -> tuple[TagWrite, ...]:
    tag = TagWrite(context.target.tag(context.version), context.manifest, immutable=True)
    latest = TagWrite(context.target.latest, context.manifest, immutable=False)
    match context.effect:
        case Effect.CHANGE:
            return (tag, latest)
        case Effect.COMPLETE:
            return (latest,) if context.occupant else (tag, latest)
        case Effect.NOTHING:
            return ()


def _gate_results(context: PromotionContext) -> tuple[GateResult, ...]:
    """The result of every gate of the target; one that did not run is skipped (FR-011)."""
    reason = NOT_RUN if context.mode is GateMode.RUN else "not run in a dry run"
    ran = context.peek(PromotionContext.gate_results)
    if ran is None:
        ran = tuple(_skipped(gate.kind, reason) for gate in context.target.gates)
    compliance = context.peek(PromotionContext.compliance)
    recorded = (each.recorded for each in ran)
    return (compliance or _skipped(GateKind.POLICY_COMPLIANCE, NOT_RUN), *recorded)


def _scan(context: PromotionContext) -> bytes | None:
    ran = context.peek(PromotionContext.gate_results) or ()
    return next((each.document for each in ran if isinstance(each, ScanResult)), None)


def _skipped(kind: GateKind, reason: str) -> GateResult:
    return GateResult(gate=kind, status=GateStatus.SKIPPED, error=reason)
