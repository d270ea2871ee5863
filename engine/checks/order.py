"""A request does not undo a newer one."""

from engine.checks.check import reads
from engine.context.context import Context
from engine.domain.errors import StaleError
from engine.domain.finding import Finding, blocked
from engine.domain.plan import Effect
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.request import PromotionRequest, RollbackRequest


@reads(Context.target_head, Context.effect, Context.newest_change)
def order(request: PromotionRequest | RollbackRequest, context: Context) -> tuple[Finding, ...]:
    """Block a request if a newer one was carried out while it waited; else no finding."""
    newest = context.newest_change.record if context.newest_change else None
    if context.effect is not Effect.CHANGE or request.asked_at is None:
        return ()
    if not isinstance(newest, PromotionRecord | RollbackRecord):
        return ()
    if (newest.requested_at or newest.at) <= request.asked_at:
        return ()
    verb = "promoted to" if isinstance(newest, PromotionRecord) else "rolled back to"
    return (
        blocked(
            "order",
            f"{request.target} was {verb} {newest.version} by {newest.operator} at "
            f"{newest.at:%Y-%m-%d %H:%M:%S} UTC, after this request for {request.version} was made "
            f"({request.asked_at:%Y-%m-%d %H:%M:%S} UTC). Request {request.version} again if it is "
            "still needed",
            StaleError,
            {
                "version": str(request.version),
                "running": newest.version,
                "record": newest.id,
                "differences": [f"{request.target}: {verb} {newest.version} after this request"],
            },
        ),
    )
