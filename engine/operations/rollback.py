"""Roll back: `latest` returns to a version that was promoted there before (FR-013 … FR-017)."""

from engine.checks.authorization import authorization
from engine.checks.drift import drift
from engine.checks.lock import lock_on_the_way_forward
from engine.checks.order import order
from engine.checks.promoted_before import promoted_before
from engine.checks.signature import signature
from engine.context.rollback import RollbackContext
from engine.domain.plan import Action, Effect, Plan, TagWrite
from engine.domain.record import RollbackRecord
from engine.domain.request import RollbackRequest
from engine.domain.result import Ending
from engine.operations.operation import Operation, Stamp


def writes(context: RollbackContext) -> tuple[TagWrite, ...]:
    latest = TagWrite(context.target.latest, context.manifest, immutable=False)
    match context.effect:
        case Effect.CHANGE:
            return (TagWrite(context.rollback_tag, context.manifest, immutable=True), latest)
        case Effect.COMPLETE:
            return (latest,)
        case Effect.NOTHING:
            return ()


def approvals(context: RollbackContext) -> int:
    """As many as a promotion needs, where rollbacks ask for them or the way is forward."""
    rules = context.target.approvals
    return rules.required if rules.rollback or context.forward else 0


def record(
    request: RollbackRequest, plan: Plan, context: RollbackContext, stamp: Stamp
) -> RollbackRecord:
    operator, previous = request.operator, plan.previous
    return RollbackRecord(
        rollback_id=stamp.id,
        artifact_digest=str(context.manifest.digest),
        artifact_tag=str(context.rollback_tag),
        version=str(request.version),
        environment=request.target,
        previous_digest=previous.digest if previous else None,
        previous_version=previous.version if previous else None,
        reason=request.reason,
        signature_verified=plan.signature.verified,
        signature_status=plan.signature,
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        identity_verified=operator.verified,
        authorization_passed=True,
        authorized_via=plan.authorized_via,
        approvals=plan.approvals,
        requested_at=request.asked_at,
        rolled_back_at=stamp.at,
        trace_id=request.trace_id,
        warnings=plan.warnings,
        policy_digest=plan.policy_digest,
        impact_analysis=plan.impact,
    )


ROLLBACK = Operation(
    Action.ROLLBACK,
    Ending.ROLLED_BACK,
    RollbackContext,
    policy=(order, drift, promoted_before, lock_on_the_way_forward, authorization),
    evidence=(signature,),
    listed=(signature,),
    facts=(
        RollbackContext.staged,
        RollbackContext.standing,
        RollbackContext.rollback_tag,
        RollbackContext.impact,
    ),
    writes=writes,
    approvals=approvals,
    impact=lambda context: context.impact,
    record=record,
    run=frozenset(
        {
            "rollback_id",
            "requested_at",
            "rolled_back_at",
            "trace_id",
            "impact_analysis",
            "registry_sync",
        }
    ),
)
