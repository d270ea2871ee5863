"""Report blocked, failed, expired and cancelled changes to the audit backends."""

import logging
from uuid import uuid4

from engine.domain.audit import LEDGERED_RULES, RULE_OF
from engine.domain.change import Change, ChangeState
from engine.domain.errors import AuditUnavailableError
from engine.domain.finding import Outcome
from engine.domain.operator import Operator
from engine.domain.plan import GateMode, Plan
from engine.domain.record import RefusalRecord
from engine.domain.record_header import record_header
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.execution.runner import Runner

_log = logging.getLogger(__name__)

# Rejections and refusals by permission rules are on the ledger, and copied from there.
_ENDS = frozenset(
    {
        ChangeState.BLOCKED,
        ChangeState.FAILED,
        ChangeState.EXPIRED,
        ChangeState.SUPERSEDED,
        ChangeState.STALE,
        ChangeState.CANCELLED,
    }
)


def report_change(runner: Runner, change: Change) -> None:
    """Report a change that ended without effect; best effort, raises nothing."""
    if change.state not in _ENDS or change.ended is None or runner.audit_backend is None:
        return
    code = change.ended.reason_code
    rule = RULE_OF.get(code, code)
    if change.state in (ChangeState.BLOCKED, ChangeState.FAILED):
        blocked = (f.check for f in change.findings if f.outcome == Outcome.BLOCKED)
        rule = next(blocked, rule)
    if rule in LEDGERED_RULES:
        return
    _report(
        runner,
        rule=rule,
        message=change.ended.message,
        action=change.action,
        target=change.target,
        version=change.version,
        digest=change.digest,
        operator=change.requester.operator,
        trace_id=change.trace_id,
        policy_digest=change.policy_digest or runner.policy_digest,
    )


def report_plan(runner: Runner, plan: Plan) -> None:
    """Report a blocked request that is not a change; dry runs are not reported."""
    request, blockers = plan.request, plan.blockers
    if not isinstance(request, PromotionRequest | RollbackRequest) or runner.audit_backend is None:
        return
    if plan.mode is GateMode.LIST or not blockers or blockers[0].check in LEDGERED_RULES:
        return
    _report(
        runner,
        rule=blockers[0].check,
        message=blockers[0].reason,
        action=plan.action.value,
        target=request.target,
        version=str(request.version),
        digest=str(plan.manifest.digest) if plan.manifest else None,
        operator=request.operator,
        trace_id=request.trace_id,
        policy_digest=plan.policy_digest,
    )


def _report(
    runner: Runner,
    *,
    rule: str,
    message: str,
    action: str,
    target: str,
    version: str,
    digest: str | None,
    operator: Operator,
    trace_id: str,
    policy_digest: str,
) -> None:
    record = RefusalRecord(
        refusal_id=uuid4(),
        environment=target,
        action=action,
        rule=rule,
        message=message,
        version=version,
        artifact_digest=digest,
        refused_at=runner.clock.now(),
        **record_header(operator, trace_id, policy_digest),
    )
    try:
        if runner.audit_backend is not None:
            runner.audit_backend.append(record)
    except AuditUnavailableError as error:
        _log.warning("audit backend did not store a failed %s: %s", action, error)
