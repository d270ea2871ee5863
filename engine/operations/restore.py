"""Restore: `latest` follows the ledger again, after it was moved outside floe."""

from engine.checks.authorization import authorization
from engine.checks.drift import restorable
from engine.context.restore import RestoreContext
from engine.domain.plan import Action, Effect, Plan, TagWrite
from engine.domain.record import RestoreRecord
from engine.domain.request import RestoreRequest
from engine.domain.result import Ending
from engine.operations.operation import Operation, Stamp


def writes(context: RestoreContext) -> tuple[TagWrite, ...]:
    if context.effect is Effect.NOTHING or context.manifest is None:
        return ()
    return (TagWrite(context.target.latest, context.manifest, immutable=False),)


def record(
    request: RestoreRequest, plan: Plan, context: RestoreContext, stamp: Stamp
) -> RestoreRecord:
    operator, state = request.operator, context.state
    return RestoreRecord(
        restore_id=stamp.id,
        environment=request.target,
        version=state.version or "",
        artifact_digest=state.digest or "",
        previous_version=context.found_version,
        previous_digest=str(context.latest) if context.latest else None,
        reason=request.reason,
        authorization_passed=True,
        authorized_via=plan.authorized_via,
        restored_at=stamp.at,
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        identity_verified=operator.verified,
        trace_id=request.trace_id,
        policy_digest=plan.policy_digest,
    )


# Like a rollback, it is possible under a lock and needs no approval: what it puts back was
# approved when it was promoted.
RESTORE = Operation(
    Action.RESTORE,
    Ending.RESTORED,
    RestoreContext,
    policy=(restorable, authorization),
    facts=(
        RestoreContext.manifest,
        RestoreContext.latest,
        RestoreContext.found_version,
        RestoreContext.standing,
        RestoreContext.staged,
    ),
    writes=writes,
    record=record,
    run=frozenset({"restore_id", "restored_at", "trace_id"}),
)
