"""Acknowledge a number of the ledger whose content does not count: a record and no tag."""

from engine.checks.authorization import authorization
from engine.context.acknowledge import AcknowledgeContext
from engine.domain.plan import Action, Plan
from engine.domain.record_header import record_header
from engine.domain.request import AcknowledgeRequest
from engine.domain.result import Ending
from engine.domain.upkeep_records import AcknowledgeRecord
from engine.operations.operation import Operation, Stamp


class Acknowledge(Operation[AcknowledgeRequest, AcknowledgeContext]):
    action = Action.ACKNOWLEDGE
    ending = Ending.ACKNOWLEDGED
    context = AcknowledgeContext
    policy = (authorization,)
    facts = (AcknowledgeContext.latest, AcknowledgeContext.void)

    def record(
        self, request: AcknowledgeRequest, plan: Plan, context: AcknowledgeContext, stamp: Stamp
    ) -> AcknowledgeRecord:
        return AcknowledgeRecord(
            acknowledge_id=stamp.id,
            environment=request.target,
            void_sequence=request.sequence,
            void_digest=str(context.void),
            reason=request.reason,
            authorized_via=plan.authorized_via,
            acknowledged_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )
