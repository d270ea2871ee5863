"""What approvers agree to: the request behind a change and the fingerprint of its plan."""

from engine.domain.artifact import Version
from engine.domain.change import Change, Fingerprint
from engine.domain.path import NO_ENVIRONMENT
from engine.domain.plan import Action, Plan
from engine.domain.request import PromotionRequest, RollbackRequest


def request_of(change: Change) -> PromotionRequest | RollbackRequest:
    """The request `change` was made of, as if it were asked again now."""
    version, operator = Version(change.version), change.requester.operator
    if change.action == Action.ROLLBACK:
        return RollbackRequest(
            version, change.target, operator, change.trace_id, change.reason or ""
        )
    source = change.source or NO_ENVIRONMENT
    return PromotionRequest(version, source, change.target, operator, change.trace_id)


def fingerprint_of(plan: Plan, configuration: str, agreed: Change | None = None) -> Fingerprint:
    """
    The fingerprint of `plan` under the rules with the digest `configuration`.

    Evidence is bound to the artifact and its rules and not gathered again: the verdicts of a plan
    that only looks are those of the change `agreed`.
    """
    request = plan.request
    if not isinstance(request, PromotionRequest | RollbackRequest):
        raise TypeError(f"{type(request).__name__} is not approved")
    known = agreed.fingerprint if agreed else None
    previous = plan.previous
    return Fingerprint(
        digest=str(plan.manifest.digest) if plan.manifest else "none",
        action=plan.action.value,
        version=str(request.version),
        source=request.source if isinstance(request, PromotionRequest) else None,
        target=request.target,
        running_version=previous.version if previous else None,
        running_digest=previous.digest if previous else None,
        configuration=configuration,
        verdicts=known.verdicts if known else _verdicts(plan),
    )


def _verdicts(plan: Plan) -> dict[str, str]:
    gates = {result.gate.value: result.status.value for result in plan.gate_results}
    return gates | {"signature": "verified" if plan.signature.verified else plan.signature.mode}
