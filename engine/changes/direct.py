"""Carry out a request in one run, as a change that no store keeps."""

from datetime import datetime

from engine.changes.fingerprint import change_of, fields_of_plan, fields_of_record
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended
from engine.domain.errors import PromotionError, StaleError
from engine.domain.request import ChangeRequest
from engine.domain.result import Ending, Result
from engine.execution.runner import Runner
from engine.ports import Progress


def carry_out(runner: Runner, request: ChangeRequest, interface: str, progress: Progress) -> Change:
    """
    Plan and execute `request` at once, without the state directory: in an emergency it may be lost.

    The change has no id. It waits for approval if the run found that approvals are missing; then
    its request has to be submitted to a store.
    """
    asked = change_of(request, interface, runner.clock.now())
    result = runner.run(request, progress)
    return change_after_run(asked, result, runner.clock.now())


def change_after_run(asked: Change, result: Result, now: datetime) -> Change:
    """The change `asked` after its run ended in `result`."""
    plan = result.plan
    judged = asked.model_copy(update=fields_of_plan(plan) | {"required": plan.approvals_required})
    if result.outcome is Ending.PENDING:
        return judged.moved(ChangeState.AWAITING_APPROVAL, updated_at=now)
    if result.error is not None:
        return judged.moved(
            refused_state(result.error), updated_at=now, ended=Ended.of(result.error)
        )
    took_effect = {
        "unchanged": result.outcome is Ending.UNCHANGED,
        "warnings": tuple(dict.fromkeys((*plan.warnings, *result.warnings))),
        "registry_sync": result.registry_sync,
    }
    return judged.moved(
        ChangeState.PROMOTED,
        updated_at=now,
        **(took_effect | fields_of_record(result.record, result.entry)),
    )


def refused_state(error: PromotionError) -> ChangeState:
    """The state of a change that a check refused: stale if a newer one was carried out first."""
    return ChangeState.STALE if isinstance(error, StaleError) else ChangeState.BLOCKED
