"""Waive a vulnerability, and end a waiver early: both write a record and no tag."""

from engine.checks.authorization import authorization
from engine.checks.loosened_rules import loosened_rules
from engine.checks.waivers import end_of_waiver, number_of_waivers
from engine.context.waive import UnwaiveContext, WaiveContext
from engine.domain.plan import Action, Plan
from engine.domain.record_header import record_header
from engine.domain.release_records import UnwaiveRecord, WaiveRecord
from engine.domain.request import UnwaiveRequest, WaiveRequest
from engine.domain.result import Ending
from engine.operations.operation import Consequences, Operation, Stamp


class Waive(Operation[WaiveRequest, WaiveContext]):
    """Needs the approvals of a promotion, and is possible under a lock: nothing is deployed."""

    action = Action.WAIVE
    ending = Ending.WAIVED
    context = WaiveContext
    policy = (authorization, end_of_waiver, number_of_waivers, loosened_rules)
    facts = (WaiveContext.latest,)

    def consequences(self, context: WaiveContext) -> Consequences:
        return Consequences(approvals_required=context.target.approvals.required)

    def record(
        self, request: WaiveRequest, plan: Plan, _context: WaiveContext, stamp: Stamp
    ) -> WaiveRecord:
        return WaiveRecord(
            waive_id=stamp.id,
            environment=request.target,
            terms=request.terms,
            reason=request.reason,
            authorized_via=plan.authorized_via,
            approvals=plan.approvals,
            requested_at=request.asked_at,
            waived_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )


class Unwaive(Operation[UnwaiveRequest, UnwaiveContext]):
    """Needs no approval, since it only forbids more."""

    action = Action.UNWAIVE
    ending = Ending.UNWAIVED
    context = UnwaiveContext
    policy = (authorization,)
    facts = (UnwaiveContext.latest, UnwaiveContext.waiver)

    def record(
        self, request: UnwaiveRequest, plan: Plan, context: UnwaiveContext, stamp: Stamp
    ) -> UnwaiveRecord:
        waiver = context.waiver
        if waiver is None:
            raise ValueError("an unwaive without a waiver changes nothing, and has no record")
        return UnwaiveRecord(
            unwaive_id=stamp.id,
            environment=request.target,
            vulnerability=waiver.vulnerability,
            package=waiver.package,
            waived_by=waiver.operator,
            reason=request.reason,
            authorized_via=plan.authorized_via,
            unwaived_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )
