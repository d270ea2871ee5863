"""An environment rolls back only to a version that was promoted there (FR-013)."""

from engine.checks.check import reads
from engine.checks.same_content import block_other_content
from engine.context.rollback import RollbackContext
from engine.domain.errors import VersionNotPromotedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.request import RollbackRequest

_NAME = "promoted before"


@reads(RollbackContext.manifest, RollbackContext.recorded)
def promoted_before(request: RollbackRequest, context: RollbackContext) -> Finding:
    """Block a rollback to an artifact that no record brought to the target."""
    entry, digest = context.recorded, context.manifest.digest
    if entry is not None:
        other = block_other_content(_NAME, context.version, context.target, entry, digest)
        return other or passed(_NAME, f"{context.tag} was promoted by {entry.record.operator}")
    return blocked(
        _NAME,
        f"Tag '{context.tag}' has {digest.short}, which was never promoted to {request.target} as "
        f"{request.version}: the tag was set or moved outside floe. "
        f"Run: floe platform audit verify --env {request.target}",
        VersionNotPromotedError,
        {"tag": str(context.tag), "digest": str(digest)},
    )
