"""An environment does not go to an older version without anybody saying so."""

from engine.checks.check import reads
from engine.context.promotion import PromotionContext
from engine.domain.errors import ConflictError, OlderVersionError
from engine.domain.finding import Finding, blocked, passed, skipped, warned
from engine.domain.request import PromotionRequest

_NAME = "version order"


@reads(
    PromotionContext.manifest,
    PromotionContext.target_head,
    PromotionContext.target_record,
    name=_NAME,
)
def version_order(request: PromotionRequest, context: PromotionContext) -> Finding:
    """By semantic versioning; where the running version is none, no order is guessed."""
    version, target, running = request.version, request.target, context.state.version
    if running is None:
        return passed(_NAME, f"{target} runs nothing yet")
    if context.running_version is None:
        return skipped(_NAME, f"'{running}', which {target} runs, is no semantic version")
    if not context.older:
        return passed(_NAME, f"{version} does not precede {running}, which {target} runs")
    fact = f"{version} precedes {running}, which {target} runs"
    details = {"version": str(version), "running": running}
    if context.target_record is not None:
        return blocked(
            _NAME,
            f"{fact}, and was promoted there before. To go back: floe platform rollback {version} "
            f"--env {target} --reason …",
            ConflictError,
            details,
        )
    if request.overrides.allow_older:
        who, reason = request.operator.name, request.overrides.reason
        return warned(_NAME, f"{fact}. {who} allows it (--allow-older): {reason}")
    return blocked(
        _NAME,
        f"{fact}. If it is meant to go there: floe platform promote {version} --to {target} "
        "--allow-older --reason …",
        OlderVersionError,
        details,
    )
