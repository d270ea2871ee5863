"""An environment gets an older version only with an override."""

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
    """Block a version of lower precedence than the running one (semver section 11)."""
    version, target, running = request.version, request.target, context.state.version
    if running is None:
        return passed(_NAME, f"{target} runs nothing yet")
    if context.running_version is None:
        return skipped(_NAME, f"'{running}', which {target} runs, is not a semantic version")
    if not context.older:
        return passed(_NAME, f"{version} does not precede {running}, which {target} runs")
    fact = f"{version} precedes {running}, which {target} runs"
    details = {"version": str(version), "running": running}
    if context.target_record is not None:
        return blocked(
            _NAME,
            f"{fact}, and was promoted there before. Roll back to it: floe platform rollback "
            f"{version} --env {target} --reason …",
            ConflictError,
            details,
        )
    if request.overrides.allow_older:
        who, reason = request.operator.name, request.overrides.reason
        return warned(_NAME, f"{fact}. {who} allows it (--allow-older): {reason}")
    return blocked(
        _NAME,
        f"{fact}. To promote it all the same: floe platform promote {version} --to {target} "
        "--allow-older --reason …",
        OlderVersionError,
        details,
    )
