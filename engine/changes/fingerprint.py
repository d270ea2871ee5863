"""Convert between changes and their requests, plans and records."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.checks.waivers import used_waivers
from engine.domain.artifact import Version
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Fingerprint, Person, StoredFinding
from engine.domain.errors import ExpiredError, StaleError, SupersededError
from engine.domain.ledger import LedgerEntry
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.path import NO_ENVIRONMENT
from engine.domain.plan import ACTION_OF, Action, Plan
from engine.domain.product import UNNAMED
from engine.domain.record import AnyRecord, Previous, PromotionRecord, RollbackRecord
from engine.domain.release_records import WaiveRecord
from engine.domain.request import ChangeRequest, PromotionRequest, RollbackRequest, WaiveRequest

_NAMES = {
    "configuration": "the rules",
    "digest": "the artifact",
    "running_digest": "the running artifact",
    "running_version": "the running version",
}


def change_of(
    request: ChangeRequest,
    interface: str,
    now: datetime,
    change_id: str = "",
    context: dict[str, Any] | None = None,
    product: str = UNNAMED,
) -> Change:
    """A new change for `request`; `context` belongs to the interface `interface`."""
    at = request.asked_at or now
    promotion = request if isinstance(request, PromotionRequest) else None
    return Change(
        id=change_id,
        action=ACTION_OF[type(request)].value,
        version=request.subject,
        source=promotion.source if promotion else None,
        target=request.target,
        reason=None if isinstance(request, PromotionRequest) else request.reason,
        overrides=promotion.overrides if promotion else _rollback_overrides(request),
        quarantine=request.quarantine if isinstance(request, RollbackRequest) else True,
        waiver=request.terms if isinstance(request, WaiveRequest) else None,
        requester=Person.of(request.operator),
        interface=interface,
        trace_id=request.trace_id,
        created_at=at,
        updated_at=at,
        context=context or {},
        product=product,
        scheduled_at=promotion.scheduled_at if promotion else None,
    )


def _rollback_overrides(request: ChangeRequest) -> Overrides:
    incident = request.break_glass if isinstance(request, RollbackRequest) else None
    return Overrides(incident=incident) if incident else NO_OVERRIDES


def request_of(change: Change) -> ChangeRequest:
    """Rebuild the request of `change`."""
    operator = change.requester.operator
    if change.waiver is not None:
        return WaiveRequest(
            change.waiver,
            change.target,
            operator,
            change.trace_id,
            change.reason or "",
            change.created_at,
        )
    version = Version(change.version)
    if change.action == Action.ROLLBACK:
        return RollbackRequest(
            version,
            change.target,
            operator,
            change.trace_id,
            change.reason or "",
            change.created_at,
            change.overrides.incident or None,
            change.quarantine,
        )
    source = change.source or NO_ENVIRONMENT
    return PromotionRequest(
        version,
        source,
        change.target,
        operator,
        change.trace_id,
        change.created_at,
        change.overrides,
        used_waivers(change.gate_results),
        change.scheduled_at,
    )


def fingerprint_of(plan: Plan, configuration: str, agreed: Change | None = None) -> Fingerprint:
    """
    The fingerprint of `plan` under the rules with the digest `configuration`.

    Gate verdicts depend on the artifact and its rules only, so a plan without gates takes them from
    the change `agreed`.
    """
    request = plan.request
    if not isinstance(request, ChangeRequest):
        raise TypeError(f"{type(request).__name__} is not approved")
    known = agreed.fingerprint if agreed else None
    # A waiver does not depend on the version that runs.
    previous = None if isinstance(request, WaiveRequest) else plan.previous
    return Fingerprint(
        digest=str(plan.manifest.digest) if plan.manifest else "none",
        action=plan.action.value,
        version=request.subject,
        source=request.source if isinstance(request, PromotionRequest) else None,
        target=request.target,
        running_version=previous.version if previous else None,
        running_digest=previous.digest if previous else None,
        configuration=configuration,
        verdicts=known.verdicts if known else _verdicts(plan),
        rolled_back=plan.rolled_back,
    )


def differences_of(change: Change, plan: Plan, configuration: str) -> tuple[str, ...]:
    """List the fields in which `plan` differs from the check of `change`."""
    checked = change.fingerprint
    if checked is None:
        return ("no fingerprint of the check is stored",)
    found = fingerprint_of(plan, configuration, change)
    if change.required:
        return checked.differences(found)
    if plan.approvals_required:
        return (f"approvals: 0 -> {plan.approvals_required}",)
    # No approval is bound to the running version, so it may replace another one.
    running = {"running_version": found.running_version, "running_digest": found.running_digest}
    return checked.model_copy(update=running).differences(found)


def stale(change: Change, differences: tuple[str, ...]) -> StaleError:
    return StaleError(
        f"Change {change.id} is stale: {'; '.join(map(_in_words, differences))}. Nothing was "
        "changed. Ask again to have it checked as it is now",
        {"change_id": change.id, "differences": list(differences)},
    )


def _in_words(difference: str) -> str:
    """Turn `running_version: v1 -> v2` into `the running version changed from v1 to v2`."""
    name, _, values = difference.partition(": ")
    agreed, arrow, found = values.partition(" -> ")
    if not arrow:
        return difference
    if name == "rolled_back" and agreed == "nothing":
        return f"its source was rolled back {found}"
    named = _NAMES.get(name, name.replace("_", " ").replace("verdicts.", "the result of "))
    return f"{named} changed from {agreed} to {found}"


def superseded(by: Change) -> SupersededError:
    """The end of a change that the newer change `by` replaces."""
    return SupersededError(
        f"Superseded by {by.id}: {by.version} was asked for by {by.requester.name}",
        {"superseded_by": by.id},
    )


def superseded_warnings(change: Change, others: Sequence[Change]) -> tuple[str, ...]:
    """The warnings of `change`, and one for each of `others` that it superseded."""
    gone = [other for other in others if other.superseded_by == change.id]
    said = [
        f"Change {other.id} is superseded: {other.version}, requested by {other.requester.name}, "
        f"no longer waits for {other.target}"
        for other in gone
    ]
    return (*change.warnings, *said)


def expired(change: Change) -> ExpiredError:
    """The error of an overdue change; its message has no full stop."""
    if change.missing_approvals and change.state is ChangeState.AWAITING_APPROVAL:
        return ExpiredError(f"Expired: not approved until {change.deadline:%Y-%m-%d %H:%M} UTC")
    if change.closed_by and change.state is ChangeState.AWAITING_APPROVAL:
        return ExpiredError(
            f"Expired: window '{change.closed_by}' kept {change.target} closed until the last "
            f"approval was an hour old, at {change.deadline:%Y-%m-%d %H:%M} UTC"
        )
    since = "last approval" if change.approvals else "request"
    return ExpiredError(
        f"Expired: floe could not carry it out within an hour of its {since}, until "
        f"{change.deadline:%Y-%m-%d %H:%M} UTC"
    )


def _verdicts(plan: Plan) -> dict[str, str]:
    gates = {result.gate.value: result.status.value for result in plan.gate_results}
    return gates | {"signature": "verified" if plan.signature.verified else plan.signature.mode}


def fields_of_record(record: AnyRecord | None, entry: LedgerEntry | None = None) -> dict[str, Any]:
    """
    The fields that a change takes from its record, which an earlier run may have written, and from
    the `entry` of that record.
    """
    if isinstance(record, WaiveRecord):
        anchor = entry.anchor if entry else None
        return {"record_id": record.id, "anchor": anchor, "recorded_at": record.at}
    if not isinstance(record, PromotionRecord | RollbackRecord):
        return {}
    said = {
        "record_id": record.id,
        "anchor": entry.anchor if entry else None,
        "artifact_tag": record.artifact_tag,
        "recorded_at": record.at,
        "review_by": record.break_glass.review_by if record.break_glass else None,
    }
    if isinstance(record, PromotionRecord):
        return said | {"gate_results": record.gate_results, "impact": record.impact_analysis}
    before = None
    if record.previous_version and record.previous_digest:
        before = Previous(version=record.previous_version, digest=record.previous_digest)
    return said | {"previous": before, "impact": record.impact_analysis}


def fields_of_plan(plan: Plan) -> dict[str, Any]:
    """The fields that a change takes from the plan of its check."""
    return {
        "digest": str(plan.manifest.digest) if plan.manifest else None,
        "findings": tuple(
            StoredFinding(check=f.check, outcome=f.outcome.value, reason=f.reason)
            for f in plan.findings
        ),
        "gate_results": plan.gate_results,
        "scan": b64encode(plan.scan).decode() if plan.scan else None,
        "signature": plan.signature,
        "impact": plan.impact,
        "delta": plan.delta,
        "policy_digest": plan.policy_digest,
        "previous": plan.previous,
        "warnings": plan.warnings,
    }
