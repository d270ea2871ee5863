"""Whoever promoted an artifact into the source does not promote it onward (FR-050 … FR-053)."""

from engine.checks.check import reads
from engine.context.promotion import PromotionContext
from engine.domain.errors import SeparationOfDutiesError
from engine.domain.finding import Finding, blocked, passed, skipped
from engine.domain.request import PromotionRequest

_NAME = "separation_of_duties"


@reads(PromotionContext.source_promotion)
def separation_of_duties(request: PromotionRequest, context: PromotionContext) -> Finding:
    """Keyed on the digest: another version of the same content is the same artifact."""
    if not context.target.separation_of_duties:
        return skipped(_NAME, f"not asked for by {request.target}")
    if context.source is None:
        return skipped(_NAME, "it comes from the build")
    if context.source_promotion is None:
        # Beyond the first environment `promoted_to_source` refuses what nobody promoted.
        return skipped(_NAME, f"nobody is on record for promoting it to {context.source}")
    record = context.source_promotion.record
    promoter = context.directory.known_as(record.operator, record.operator_id)
    if not promoter.isdisjoint(request.operator.identities):
        return blocked(
            _NAME,
            f"Separation of duties violation: Operator '{request.operator.name}' promoted this "
            f"artifact to {context.source} and cannot also promote to {request.target}",
            SeparationOfDutiesError,
            {"operator": request.operator.name, "promotion": record.id},
        )
    return passed(_NAME, f"{record.operator} promoted it to {context.source}")
