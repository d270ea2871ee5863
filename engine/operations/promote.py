"""Promote: the next environment gets the same digest under its own tags."""

from engine.checks.gates import gates, listed_gates, policy_compliance
from engine.checks.immutability import immutability
from engine.checks.promoted_to_source import promoted_to_source
from engine.context import Context
from engine.domain.plan import Action, Effect, Plan, TagWrite
from engine.domain.record import PromotionRecord
from engine.operations.operation import Operation, Stamp


def writes(context: Context) -> tuple[TagWrite, ...]:
    digest = context.manifest.digest
    tag = TagWrite(context.target.tag(context.version), digest, immutable=True)
    latest = TagWrite(context.target.latest, digest, immutable=False)
    match context.effect:
        case Effect.CHANGE:
            return (tag, latest)
        case Effect.COMPLETE:
            return (latest,)
        case Effect.NOTHING:
            return ()


def record(plan: Plan, stamp: Stamp) -> PromotionRecord:
    request = plan.request
    tag = next(write for write in plan.writes if write.immutable)
    operator = request.operator
    return PromotionRecord(
        promotion_id=stamp.id,
        artifact_digest=str(tag.digest),
        artifact_tag=str(tag.tag),
        version=str(request.version),
        source_environment=request.source,
        target_environment=request.target,
        gate_results=plan.gate_results,
        signature_verified=plan.signature.mode != "none" and plan.signature.problem is None,
        signature_status=plan.signature,
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        identity_verified=operator.verified,
        authorization_passed=True,
        authorized_via=plan.authorized_via,
        promoted_at=stamp.at,
        trace_id=request.trace_id,
        warnings=plan.warnings,
        policy_digest=plan.policy_digest,
        previous=plan.previous,
    )


PROMOTE = Operation(
    Action.PROMOTE,
    policy=(promoted_to_source, immutability),
    evidence=(policy_compliance, gates),
    listed=(policy_compliance, listed_gates),
    facts=(Context.target_head, Context.staged),
    writes=writes,
    record=record,
)
