"""Report blocked, failed, expired and cancelled changes to the audit backends."""

import logging
from uuid import uuid4

from engine.domain.audit import LEDGERED_RULES, RULE_OF
from engine.domain.change import Change, ChangeState
from engine.domain.errors import AuditUnavailableError
from engine.domain.finding import Outcome
from engine.domain.record import RefusalRecord
from engine.domain.record_header import record_header
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
    record = RefusalRecord(
        refusal_id=uuid4(),
        environment=change.target,
        action=change.action,
        rule=rule,
        message=change.ended.message,
        version=change.version,
        artifact_digest=change.digest,
        refused_at=runner.clock.now(),
        **record_header(
            change.requester.operator,
            change.trace_id,
            change.policy_digest or runner.policy.digest,
        ),
    )
    try:
        runner.audit_backend.append(record)
    except AuditUnavailableError as error:
        _log.warning("audit backend did not store a failed %s: %s", change.action, error)
