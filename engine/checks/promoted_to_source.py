"""An artifact has a record in its source: a tag set by hand is not enough."""

from engine.checks.check import reads
from engine.checks.same_content import block_other_content
from engine.context.promotion import PromotionContext
from engine.domain.errors import VersionNotPromotedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.request import PromotionRequest

_NAME = "promoted before"


@reads(PromotionContext.manifest, PromotionContext.source_record)
def promoted_to_source(_request: PromotionRequest, context: PromotionContext) -> Finding:
    """Block an artifact without a record in its source; the first environment needs none."""
    source, entry, digest = context.source, context.source_record, context.manifest.digest
    if source is not None and entry is not None:
        other = block_other_content(_NAME, context.version, source, entry, digest)
        return other or passed(_NAME, f"{entry.record.id} brought it to {source}")
    if source is None or source == context.path.entry:
        return passed(_NAME, f"{context.source_tag} is published by the build")
    return blocked(
        _NAME,
        f"{context.source_tag} has {digest.short}, which was never promoted to {source} as "
        f"{context.version}: promote it there first "
        f"(floe platform promote {context.version} --to {source})",
        VersionNotPromotedError,
        {"tag": str(context.source_tag), "environment": source.name},
    )
