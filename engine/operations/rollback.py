"""Roll back: return `latest` to a version that was promoted there before (FR-013 … FR-017)."""

from engine.checks.authorization import authorization
from engine.checks.break_glass import break_glass
from engine.checks.drift import drift
from engine.checks.lock import lock_for_newer_version
from engine.checks.loosened_rules import loosened_rules
from engine.checks.order import order
from engine.checks.promoted_before import promoted_before
from engine.checks.rolled_back import no_quarantine, return_to_quarantined
from engine.checks.signature import signature
from engine.checks.windows import window_for_rollback
from engine.checks.worse_scan import worse_scan
from engine.context.rollback import RollbackContext
from engine.domain.artifact import Tag
from engine.domain.plan import Action, Effect, Plan, TagWrite
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.record_header import record_header
from engine.domain.request import RollbackRequest
from engine.domain.result import Ending
from engine.operations.break_glass import used_break_glass
from engine.operations.operation import Consequences, Operation, Stamp


class Rollback(Operation[RollbackRequest, RollbackContext]):
    action = Action.ROLLBACK
    ending = Ending.ROLLED_BACK
    context = RollbackContext
    policy = (
        break_glass,
        order,
        drift,
        promoted_before,
        lock_for_newer_version,
        window_for_rollback,
        authorization,
        return_to_quarantined,
        no_quarantine,
        worse_scan,
        loosened_rules,
    )
    evidence = (signature,)
    listed = (signature,)
    comparison = (RollbackContext.running_build, RollbackContext.coming_build)
    facts = (
        RollbackContext.rollback_tag,
        RollbackContext.impact,
        RollbackContext.latest,
    )

    def consequences(self, context: RollbackContext) -> Consequences:
        """A return to a newer version needs the approvals of a promotion."""
        rules = context.target.approvals
        required = rules.required if rules.rollback or context.forward else 0
        return Consequences(
            writes=_tag_writes(context),
            impact=context.impact,
            delta=context.delta(),
            approvals_required=0 if context.glass else required,
            skipped=("approvals",) if context.glass and required else (),
        )

    def record(
        self, request: RollbackRequest, plan: Plan, context: RollbackContext, stamp: Stamp
    ) -> RollbackRecord:
        previous = plan.previous
        return RollbackRecord(
            rollback_id=stamp.id,
            artifact_digest=str(context.manifest.digest),
            artifact_tag=str(context.rollback_tag),
            version=str(request.version),
            environment=request.target,
            previous_digest=previous.digest if previous else None,
            previous_version=previous.version if previous else None,
            quarantine=request.quarantine if previous else None,
            reason=request.reason,
            signature_verified=plan.signature.verified,
            signature_status=plan.signature,
            authorization_passed=True,
            authorized_via=plan.authorized_via,
            approvals=plan.approvals,
            requested_at=request.asked_at,
            rolled_back_at=stamp.at,
            warnings=plan.warnings,
            impact_analysis=plan.impact,
            break_glass=used_break_glass(context, plan, stamp, request.reason),
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )


def _tag_writes(context: RollbackContext) -> tuple[TagWrite, ...]:
    latest = TagWrite(context.target.latest, context.manifest, immutable=False)
    match context.effect:
        case Effect.CHANGE:
            return (TagWrite(context.rollback_tag, context.manifest, immutable=True), latest)
        case Effect.COMPLETE:
            return (*_recorded_tag(context), latest)
        case Effect.NOTHING:
            return ()


def _recorded_tag(context: RollbackContext) -> tuple[TagWrite, ...]:
    """The tag in the record of the interrupted run, which is written if it is missing."""
    record = context.committed
    if not isinstance(record, PromotionRecord | RollbackRecord):
        return ()
    return (TagWrite(Tag(record.artifact_tag), context.manifest, immutable=True),)
