"""Lock and unlock: a record is all it takes (FR-035 … FR-038)."""

from datetime import timedelta

from engine.checks.authorization import may_lock, may_unlock
from engine.checks.lock import not_locked_yet
from engine.checks.unlock import not_fixed
from engine.context.context import Context
from engine.context.freeze import UnlockContext
from engine.domain.plan import Action, Plan
from engine.domain.record import LockRecord, UnlockRecord
from engine.domain.request import LockRequest, UnlockRequest
from engine.domain.result import Ending
from engine.operations.operation import Operation, Stamp


def lock_record(request: LockRequest, plan: Plan, _context: Context, stamp: Stamp) -> LockRecord:
    operator, seconds = request.operator, request.for_seconds
    return LockRecord(
        lock_id=stamp.id,
        environment=request.target,
        reason=request.reason,
        locked_at=stamp.at,
        expires_at=stamp.at + timedelta(seconds=seconds) if seconds is not None else None,
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        identity_verified=operator.verified,
        trace_id=request.trace_id,
        policy_digest=plan.policy_digest,
    )


def unlock_record(
    request: UnlockRequest, plan: Plan, context: UnlockContext, stamp: Stamp
) -> UnlockRecord:
    operator, held = request.operator, context.lock
    return UnlockRecord(
        unlock_id=stamp.id,
        environment=request.target,
        reason=request.reason,
        locked_by=held.operator if held else "",
        locked_reason=held.reason if held else "",
        authorized_via=plan.authorized_via,
        unlocked_at=stamp.at,
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        identity_verified=operator.verified,
        trace_id=request.trace_id,
        policy_digest=plan.policy_digest,
    )


LOCK = Operation(
    Action.LOCK,
    Ending.LOCKED,
    Context,
    policy=(may_lock, not_locked_yet),
    record=lock_record,
    run=frozenset({"lock_id", "locked_at", "expires_at", "trace_id"}),
)
UNLOCK = Operation(
    Action.UNLOCK,
    Ending.UNLOCKED,
    UnlockContext,
    policy=(may_unlock, not_fixed),
    record=unlock_record,
    run=frozenset({"unlock_id", "unlocked_at", "trace_id"}),
)
