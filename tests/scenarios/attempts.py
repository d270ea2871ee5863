"""The attempt behind a refused plan, as the interfaces record it."""

from engine.changes.direct import change_after_run
from engine.changes.fingerprint import change_of
from engine.domain.plan import Plan
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.domain.result import Ending, Result
from engine.execution.refusals import Attempt, attempt_of_change, attempt_of_plan
from tests.scenarios.engines import NOON


def attempt_of(plan: Plan) -> Attempt:
    if not isinstance(plan.request, PromotionRequest | RollbackRequest):
        return attempt_of_plan(plan)
    asked = change_of(plan.request, "cli", NOON)
    return attempt_of_change(
        change_after_run(asked, Result(plan, Ending.BLOCKED, error=plan.error), NOON)
    )
