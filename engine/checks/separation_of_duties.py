"""The operator who promoted an artifact cannot promote it further (FR-050 … FR-053)."""

from engine.checks.check import reads
from engine.context.promotion import PromotionContext
from engine.domain.errors import SeparationOfDutiesError
from engine.domain.finding import Finding, blocked, passed, skipped
from engine.domain.request import PromotionRequest

_NAME = "separation_of_duties"


@reads(PromotionContext.source_promotions)
def separation_of_duties(request: PromotionRequest, context: PromotionContext) -> Finding:
    """Block the promoter of the digest; another version of the same content is no exception."""
    if not context.target.separation_of_duties:
        return skipped(_NAME, f"not required by {request.target}")
    if not context.sources:
        return skipped(_NAME, "it comes from the build")
    judged = context.judged(context.source_promotions)
    promotions = [(source, entry) for source, entry in judged if entry]
    if not promotions:
        # Beyond the first environment, `promoted_to_source` blocks an artifact without a record.
        return skipped(_NAME, f"no operator promoted it to {context.path.source(request.target)}")
    for source, entry in promotions:
        record = entry.record
        promoter = context.directory.names_in(record)
        if not promoter.isdisjoint(request.operator.identities):
            return blocked(
                _NAME,
                f"Separation of duties violation: Operator '{request.operator.name}' promoted this "
                f"artifact to {source} and cannot also promote to {request.target}",
                SeparationOfDutiesError,
                {"operator": request.operator.name, "promotion": record.id},
            )
    found = (f"{entry.record.operator} promoted it to {source}" for source, entry in promotions)
    return passed(_NAME, "; ".join(found))
