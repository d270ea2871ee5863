"""Lock, unlock (FR-035 … FR-038) and release: they write a record and no tag."""

from datetime import timedelta

from engine.checks.authorization import may_lock, may_unlock
from engine.checks.lock import not_locked_yet
from engine.checks.unlock import no_manifest_lock, release_rights
from engine.context.context import Context
from engine.context.freeze import LockContext, ReleaseContext, UnlockContext
from engine.domain.plan import Action, Plan
from engine.domain.record import LockRecord, UnlockRecord
from engine.domain.record_header import record_header
from engine.domain.release_records import ReleaseRecord
from engine.domain.request import LockRequest, ReleaseRequest, UnlockRequest
from engine.domain.result import Ending
from engine.operations.operation import Operation, Stamp


class Lock(Operation[LockRequest, LockContext]):
    action = Action.LOCK
    ending = Ending.LOCKED
    context = LockContext
    policy = (may_lock, not_locked_yet)
    facts = (Context.latest,)

    def record(
        self, request: LockRequest, plan: Plan, _context: LockContext, stamp: Stamp
    ) -> LockRecord:
        seconds = request.for_seconds
        return LockRecord(
            lock_id=stamp.id,
            environment=request.target,
            reason=request.reason,
            locked_at=stamp.at,
            expires_at=stamp.at + timedelta(seconds=seconds) if seconds is not None else None,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )


class Unlock(Operation[UnlockRequest, UnlockContext]):
    action = Action.UNLOCK
    ending = Ending.UNLOCKED
    context = UnlockContext
    policy = (may_unlock, no_manifest_lock)
    facts = (Context.latest,)

    def record(
        self, request: UnlockRequest, plan: Plan, context: UnlockContext, stamp: Stamp
    ) -> UnlockRecord:
        held = context.lock
        return UnlockRecord(
            unlock_id=stamp.id,
            environment=request.target,
            reason=request.reason,
            locked_by=held.operator if held else "",
            locked_reason=held.reason if held else "",
            authorized_via=plan.authorized_via,
            unlocked_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )


class Release(Operation[ReleaseRequest, ReleaseContext]):
    action = Action.RELEASE
    ending = Ending.RELEASED
    context = ReleaseContext
    policy = (release_rights,)
    facts = (Context.latest,)

    def record(
        self, request: ReleaseRequest, plan: Plan, context: ReleaseContext, stamp: Stamp
    ) -> ReleaseRecord:
        held = context.quarantine
        return ReleaseRecord(
            release_id=stamp.id,
            environment=request.target,
            version=str(request.version),
            artifact_digest=held.digest if held else "",
            reason=request.reason,
            authorized_via=plan.authorized_via,
            released_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )
