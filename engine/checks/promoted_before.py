"""An environment only goes back to where it has been (FR-013)."""

from engine.checks.check import reads
from engine.context.rollback import RollbackContext
from engine.domain.errors import VersionNotPromotedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.request import RollbackRequest

_NAME = "promoted before"


@reads(RollbackContext.manifest, RollbackContext.promotion)
def promoted_before(request: RollbackRequest, context: RollbackContext) -> Finding:
    if context.promotion is not None:
        return passed(_NAME, f"{context.tag} was promoted by {context.promotion.record.operator}")
    return blocked(
        _NAME,
        f"Tag '{context.tag}' carries {context.manifest.digest.short}, which no record says was "
        f"promoted to {request.target} as {request.version}: it was set or moved outside floe. "
        f"Run: floe platform audit verify --env {request.target}",
        VersionNotPromotedError,
        {"tag": str(context.tag), "digest": str(context.manifest.digest)},
    )
