"""What leaves an environment was promoted into it, and not just tagged by hand."""

from engine.checks.check import reads
from engine.context.promotion import PromotionContext
from engine.domain.errors import VersionNotPromotedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.request import PromotionRequest

_NAME = "promoted before"


@reads(PromotionContext.manifest, PromotionContext.source_entry)
def promoted_to_source(_request: PromotionRequest, context: PromotionContext) -> Finding:
    source = context.source
    if source is None or source == context.path.entry:
        return passed(_NAME, f"{context.source_tag} is published by the build")
    if context.source_entry is not None:
        return passed(_NAME, f"{context.source_entry.record.id} promoted it to {source}")
    return blocked(
        _NAME,
        f"{context.source_tag} carries {context.manifest.digest.short}, which no record says was "
        f"promoted to {source} as {context.version}: promote it there first "
        f"(floe platform promote {context.version} --to {source})",
        VersionNotPromotedError,
        {"tag": str(context.source_tag), "environment": source.name},
    )
