"""An artifact has a record in its source: a tag set by hand is not enough."""

from engine.checks.check import reads
from engine.checks.same_content import block_other_content
from engine.context.promotion import PromotionContext
from engine.domain.environment import Environment
from engine.domain.errors import VersionNotPromotedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.ledger import LedgerEntry
from engine.domain.request import PromotionRequest

_NAME = "promoted before"


@reads(PromotionContext.manifest, PromotionContext.source_records)
def promoted_to_source(request: PromotionRequest, context: PromotionContext) -> Finding:
    """Block an artifact without a record in its source; the first environment needs none."""
    if not context.sources:
        return passed(_NAME, f"{context.source_tag} is published by the build")
    missing = _missing(context)
    if missing is not None:
        return blocked(
            _NAME,
            f"{request.target} takes {context.version} from {request.source}, and {missing} does "
            f"not have it as {context.manifest.digest.short}: promote it there first (floe "
            f"platform promote {context.version} --to {missing})",
            VersionNotPromotedError,
            {"tag": str(missing.tag(context.version)), "environment": missing.name},
        )
    found = [_judge(context, *pair) for pair in context.judged(context.source_records)]
    refused = [finding for finding in found if finding.blocks]
    if refused and (len(refused) == len(found) or not context.target.any_source):
        return refused[0]
    return passed(_NAME, "; ".join(each.reason for each in found if not each.blocks))


def _judge(context: PromotionContext, source: Environment, entry: LedgerEntry | None) -> Finding:
    digest, tag = context.manifest.digest, source.tag(context.version)
    if entry is not None:
        other = block_other_content(_NAME, context.version, source, entry, digest)
        return other or passed(_NAME, f"{entry.record.id} brought it to {source}")
    if source == context.path.entry:
        return passed(_NAME, f"{tag} is published by the build")
    return blocked(
        _NAME,
        f"{tag} has {digest.short}, which was never promoted to {source} as {context.version}: "
        f"promote it there first (floe platform promote {context.version} --to {source})",
        VersionNotPromotedError,
        {"tag": str(tag), "environment": source.name},
    )


def _missing(context: PromotionContext) -> Environment | None:
    """The first of several sources whose tag is not the artifact's, if too few have it."""
    if context.target.any_source:
        return None if context.judged(context.sources) else context.sources[0]
    if len(context.sources) < 2:
        return None
    found = zip(context.sources, context.source_manifests, strict=True)
    digest = context.manifest.digest
    return next((source for source, m in found if m is None or m.digest != digest), None)
