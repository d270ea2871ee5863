"""Only a restore moves a drifted `latest` back; a repeated promotion does not."""

from engine.checks.check import reads
from engine.context.context import Context
from engine.context.restore import RestoreContext
from engine.domain.errors import ConflictError, VersionNotPromotedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.plan import Effect
from engine.domain.request import PromotionRequest, RestoreRequest, RollbackRequest

_NAME = "drift"


@reads(Context.target_head, Context.effect)
def drift(request: PromotionRequest | RollbackRequest, context: Context) -> tuple[Finding, ...]:
    """Block a request for the version that runs by the ledger but not in fact; else no finding."""
    if context.effect is not Effect.COMPLETE or not context.drifted:
        return ()
    latest = context.latest
    tag, found = context.target.latest, f"points to {latest.short}" if latest else "is gone"
    return (
        blocked(
            _NAME,
            f"{tag} {found} and was moved outside floe: by the ledger {request.target} already "
            f"runs {context.state.version}. Put it back: floe platform restore --env "
            f"{request.target}",
            ConflictError,
            {"tag": str(tag), "found": str(latest) if latest else None},
        ),
    )


@reads(RestoreContext.target_head)
def restorable(request: RestoreRequest, context: RestoreContext) -> Finding:
    """Block a restore where nothing was ever promoted."""
    version = context.state.version
    if version is not None:
        return passed(_NAME, f"by the ledger {request.target} runs {version}")
    return blocked(
        _NAME,
        f"Nothing was ever promoted to '{request.target}', so there is nothing to restore. Promote "
        f"a version: floe platform promote VERSION --to {request.target}",
        VersionNotPromotedError,
        {"environment": request.target},
    )
