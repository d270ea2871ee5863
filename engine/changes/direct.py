"""Carry out a request in one run, and keep a change of it only if it fails."""

import logging
import secrets
from datetime import datetime

from engine.changes.fingerprint import change_of, fields_of_plan, fields_of_record
from engine.changes.gate_events import GateOutputRecorder
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended
from engine.domain.errors import PromotionError, StaleError, StoreUnavailableError
from engine.domain.request import ChangeRequest
from engine.domain.result import Ending, Result
from engine.execution.audit_reports import report_change
from engine.execution.runner import Runner
from engine.ports import Progress
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)
# Of a change that ended before anyone could follow it, Slack says nothing.
_CONTEXT = {"quiet": True}


def carry_out(
    runner: Runner,
    store: ChangeStore,
    request: ChangeRequest,
    interface: str,
    progress: Progress,
    product: str,
) -> Change:
    """
    Plan and execute `request` at once, also while `store` is unavailable.

    Success is on the ledger, so its change has no id. A failure is kept in `store`, with the
    output of its gates. The change waits for approval if the run found that approvals are missing;
    then its request has to be submitted.
    """
    asked = change_of(request, interface, runner.clock.now(), "", _CONTEXT, product)
    recorder = GateOutputRecorder(store, request.trace_id, progress)
    try:
        result = runner.run(request, recorder)
    except PromotionError as error:
        now, ended = runner.clock.now(), Ended.of(error)
        failed = asked.moved(ChangeState.FAILED, updated_at=now, ended=ended)
        _keep(runner, store, failed, recorder)
        raise
    change = change_after_run(asked, result, runner.clock.now())
    return change if change.ended is None else _keep(runner, store, change, recorder)


def _keep(
    runner: Runner, store: ChangeStore, change: Change, recorder: GateOutputRecorder
) -> Change:
    """Store the failed `change`; without an id if that fails, which only is logged."""
    report_change(runner, change)
    kept = change.model_copy(update={"id": f"c-{secrets.token_hex(4)}"})
    why = kept.ended.message if kept.ended else ""
    events = [("submitted", {"by": kept.requester.name}), (kept.state.value, {"why": why})]
    try:
        store.add(kept, None, events)
        for gate, output in recorder.outputs.items():
            store.keep_output(kept.id, gate, output)
    except StoreUnavailableError as error:
        _log.warning("the failed change is not stored: %s", error)
        return change
    return kept


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
