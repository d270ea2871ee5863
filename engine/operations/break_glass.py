"""Break-glass in the record of a change, and its review: a record and no tag."""

from engine.checks.break_glass import find_review, may_review
from engine.context.context import Context
from engine.domain.errors import ConflictError
from engine.domain.finding import Outcome
from engine.domain.plan import Action, Plan
from engine.domain.record_header import record_header
from engine.domain.release_records import BreakGlass, ReviewRecord
from engine.domain.request import ReviewRequest
from engine.domain.result import Ending
from engine.operations.operation import Operation, Stamp


def used_break_glass(context: Context, plan: Plan, stamp: Stamp, reason: str) -> BreakGlass | None:
    """The break-glass of a change; None for one that follows all rules."""
    incident, rules = context.glass, context.target.break_glass
    if incident is None or rules is None:
        return None
    warned = [
        each.check
        for each in plan.policy
        if each.check in ("lock", "window") and each.outcome is Outcome.WARNED
    ]
    return BreakGlass(
        incident=incident,
        reason=reason,
        via=f"group {min(plan.request.operator.groups & rules.groups)}",
        skipped=(*plan.skipped, *warned),
        review_by=stamp.at + rules.within,
    )


class ReviewBreakGlass(Operation[ReviewRequest, Context]):
    action = Action.REVIEW
    ending = Ending.REVIEWED
    context = Context
    policy = (may_review,)
    facts = (Context.latest,)

    def record(
        self, request: ReviewRequest, plan: Plan, context: Context, stamp: Stamp
    ) -> ReviewRecord:
        review = find_review(context, request.record)
        if review is None:
            raise ConflictError(f"Record {request.record} has no open review any more")
        return ReviewRecord(
            review_id=stamp.id,
            environment=request.target,
            reviewed=review.record,
            incident=review.incident,
            accepted=request.accepted,
            reason=request.reason,
            authorized_via=plan.authorized_via,
            reviewed_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )
