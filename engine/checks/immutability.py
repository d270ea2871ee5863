"""An environment tag never moves to another artifact."""

from engine.checks.check import reads
from engine.checks.same_content import block_other_content
from engine.context.promotion import PromotionContext
from engine.domain.errors import TagExistsError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.plan import Effect
from engine.domain.request import PromotionRequest

_NAME = "immutability"


@reads(
    PromotionContext.occupant,
    PromotionContext.manifest,
    PromotionContext.target_promotion,
    PromotionContext.target_record,
    PromotionContext.effect,
)
def immutability(_request: PromotionRequest, context: PromotionContext) -> Finding:
    """Block if the tag or a record of the version in the target has another digest."""
    tag, found = context.target.tag(context.version), context.manifest.digest
    entry = context.target_record
    other = entry and block_other_content(_NAME, context.version, context.target, entry, found)
    if other:
        return other
    if context.occupant is None:
        return passed(_NAME, f"{tag} is free")
    if context.occupant != found:
        return blocked(
            _NAME,
            f"Tag '{tag}' already exists with {context.occupant.short}, not "
            f"{found.short}, and it is immutable. Publish a new version",
            TagExistsError,
            {"tag": str(tag), "found": str(context.occupant)},
        )
    if context.target_promotion is None:
        return passed(_NAME, f"{tag} exists and will be recorded")
    if context.effect is Effect.CHANGE:
        return passed(_NAME, f"{tag} exists, and this is a new promotion")
    return passed(_NAME, f"{tag} is promoted already")
