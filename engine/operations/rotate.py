"""Rotate the keys that a ledger trusts: a record and no tag."""

from engine.checks.authorization import may_rotate
from engine.context.rotate import RotateContext
from engine.domain.plan import Action, Plan
from engine.domain.record_header import record_header
from engine.domain.request import RotateRequest
from engine.domain.result import Ending
from engine.domain.upkeep_records import RotateRecord
from engine.operations.operation import Operation, Stamp


class Rotate(Operation[RotateRequest, RotateContext]):
    action = Action.ROTATE
    ending = Ending.ROTATED
    context = RotateContext
    policy = (may_rotate,)
    facts = (RotateContext.latest, RotateContext.rotation)

    def record(
        self, request: RotateRequest, plan: Plan, context: RotateContext, stamp: Stamp
    ) -> RotateRecord:
        added, retired = context.rotation
        return RotateRecord(
            rotate_id=stamp.id,
            environment=request.target,
            added=added,
            retired=retired,
            reason=request.reason,
            authorized_via=plan.authorized_via,
            rotated_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )
