"""An environment only goes back to where it has been (FR-013)."""

from engine.checks.check import reads
from engine.checks.same_content import other_content
from engine.context.rollback import RollbackContext
from engine.domain.errors import VersionNotPromotedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.request import RollbackRequest

_NAME = "promoted before"


@reads(RollbackContext.manifest, RollbackContext.recorded)
def promoted_before(request: RollbackRequest, context: RollbackContext) -> Finding:
    entry, digest = context.recorded, context.manifest.digest
    if entry is not None:
        other = other_content(_NAME, context.version, context.target, entry, digest)
        return other or passed(_NAME, f"{context.tag} was promoted by {entry.record.operator}")
    return blocked(
        _NAME,
        f"Tag '{context.tag}' carries {digest.short}, which no record says was "
        f"promoted to {request.target} as {request.version}: it was set or moved outside floe. "
        f"Run: floe platform audit verify --env {request.target}",
        VersionNotPromotedError,
        {"tag": str(context.tag), "digest": str(digest)},
    )
