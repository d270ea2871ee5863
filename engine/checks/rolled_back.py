"""A version from which its source was rolled back is not promoted further."""

from engine.checks.approval import override_via
from engine.checks.check import reads
from engine.context.promotion import PromotionContext
from engine.domain.errors import AuthorizationError, RolledBackError
from engine.domain.finding import Finding, blocked, passed, warned
from engine.domain.ledger import LedgerEntry
from engine.domain.plan import Effect
from engine.domain.record import RollbackRecord
from engine.domain.request import PromotionRequest

_NAME = "rolled back"


@reads(PromotionContext.effect, PromotionContext.source_rollback, name=_NAME)
def rolled_back(request: PromotionRequest, context: PromotionContext) -> Finding:
    """Block if the source was rolled back from the version, unless it is overridden."""
    version, source, target = request.version, request.source, request.target
    rollback = describe_rollback(context.source_rollback)
    if rollback is None:
        return passed(_NAME, f"{source} was not rolled back from {version}")
    if context.effect is not Effect.CHANGE:
        return passed(_NAME, f"{target} is not changed")
    fact = f"{source} was rolled back from {version} {rollback}"
    if not request.overrides.override_rollback:
        return blocked(
            _NAME,
            f"{fact}. Promote it to {source} again once it is fixed (floe platform promote "
            f"{version} --to {source}). Approvers of {target} can override this: floe platform "
            f"promote {version} --to {target} --override-rollback --reason …",
            RolledBackError,
            {"version": str(version), "source": source},
        )
    via = override_via(request.operator, context.target, context.rights)
    if not via:
        return blocked(
            "authorization",
            f"Unauthorized: Operator '{request.operator.name}' may not override this rule: {fact}. "
            f"Ask an approver of {target}",
            AuthorizationError,
            {"operator": request.operator.name, "groups": sorted(request.operator.groups)},
        )
    who, reason = request.operator.name, request.overrides.reason
    return warned(_NAME, f"{fact}. {who} overrides it (--override-rollback, {via}): {reason}")


def describe_rollback(entry: LedgerEntry | None) -> str | None:
    """Describe who rolled back, when and why; None without a rollback."""
    if entry is None or not isinstance(entry.record, RollbackRecord):
        return None
    record = entry.record
    return f"by {record.operator} on {record.at:%Y-%m-%d %H:%M:%S} UTC: {record.reason}"
