"""Break-glass is for named groups, and only while earlier ones are reviewed in time."""

from engine.checks.ballots import approver_via
from engine.checks.check import reads
from engine.context.context import Context
from engine.domain.break_glass import MAX_REVIEWS, OpenReview
from engine.domain.environment import Environment
from engine.domain.errors import AuthorizationError, ConflictError, RegistryError, UsageError
from engine.domain.finding import Finding, blocked, passed, warned
from engine.domain.identity import Directory
from engine.domain.operator import Operator
from engine.domain.plan import Effect
from engine.domain.release_errors import ReviewOverdueError
from engine.domain.request import PromotionRequest, ReviewRequest, RollbackRequest
from engine.domain.rights import Rights

_NAME = "break_glass"
_NOT_CONFIGURED = (
    "Break-glass is not configured: artifacts.promotion.break_glass of manifest.yaml names the "
    "groups that may use it"
)


@reads(Context.effect, Context.open_reviews, name=_NAME)
def break_glass(
    request: PromotionRequest | RollbackRequest, context: Context
) -> Finding | tuple[Finding, ...]:
    """Judge a request that skips rules; one that does not has no finding."""
    incident = request.break_glass
    if incident is None:
        return ()
    if isinstance(request, PromotionRequest) and request.scheduled_at:
        return blocked(_NAME, "A break-glass happens at once: leave out its time", UsageError)
    operator, rules = request.operator, context.target.break_glass
    if rules is None:
        return _block(_NOT_CONFIGURED)
    shared = operator.groups & rules.groups if operator.verified else frozenset()
    if not shared:
        return _block(
            f"Unauthorized: '{operator.name}' may not use break-glass. Required groups: "
            f"[{', '.join(sorted(rules.groups))}]. Your groups: "
            f"[{', '.join(sorted(operator.groups))}]"
        )
    if context.effect is not Effect.CHANGE:
        return passed(_NAME, f"group {min(shared)}")
    due = context.now + rules.within
    used = warned(
        _NAME,
        f"Break-glass for {incident} by {operator.name} (group {min(shared)}): approvals, windows "
        f"and locks of others do not count. Another person must review it until "
        f"{due:%Y-%m-%d %H:%M} UTC",
    )
    return _missing_review(context) or (used, *_unknown_reviews(context))


def _missing_review(context: Context) -> Finding | None:
    """Block while a review is overdue, or too many are open in the target."""
    for name, reviews in context.open_reviews.items():
        for review in reviews if isinstance(reviews, tuple) else ():
            if review.due <= context.now:
                return blocked(
                    _NAME,
                    f"The review of an earlier break-glass is overdue: {review.incident} in {name} "
                    f"by {review.operator}. Ask another person to run: {review.command}",
                    ReviewOverdueError,
                    {"record": review.record, "environment": name, "due": review.due.isoformat()},
                )
    mine = context.state.reviews
    if len(mine) < MAX_REVIEWS:
        return None
    return blocked(
        _NAME,
        f"{context.target.name} has {len(mine)} break-glass changes without a review, and "
        f"{MAX_REVIEWS} is the most. Ask another person to run: {mine[0].command}",
        ReviewOverdueError,
        {"record": mine[0].record, "environment": context.target.name},
    )


def _unknown_reviews(context: Context) -> tuple[Finding, ...]:
    """Warn about each other environment whose ledger cannot be read in the incident."""
    return tuple(
        warned(_NAME, f"Whether a review is overdue in {name} is unknown: {reviews}")
        for name, reviews in context.open_reviews.items()
        if isinstance(reviews, RegistryError)
    )


@reads(Context.target_head)
def may_review(request: ReviewRequest, context: Context) -> Finding:
    """Authorize a reviewer other than the person who used break-glass."""
    review = find_review(context, request.record)
    if review is None:
        return blocked(
            "authorization",
            f"Record {request.record} of {request.target} has no open review: nothing was changed",
            ConflictError,
        )
    rules = (context.target, context.rights, context.directory)
    return judge_reviewer(request.operator, review, *rules)


def judge_reviewer(
    operator: Operator, review: OpenReview, target: Environment, rights: Rights, people: Directory
) -> Finding:
    """Judge whether `operator` may give the open `review` of `target`."""
    own = not people.names_in(review).isdisjoint(operator.identities)
    if own or not operator.verified:
        why = "used this break-glass" if own else "is not verified"
        return _block(
            f"Unauthorized: '{operator.name}' {why}. Another verified person must review it",
            "authorization",
        )
    rules = target.break_glass
    groups = rules.review_groups if rules else None
    if groups is None:
        via = approver_via(operator, target, rights)
    else:
        shared = operator.groups & groups
        via = f"group {min(shared)}" if shared else ""
    if via:
        return passed("authorization", via)
    return _block(
        f"Unauthorized: '{operator.name}' may not review a break-glass in '{target}'. "
        f"Required groups: [{', '.join(target.reviewers)}]. Your groups: "
        f"[{', '.join(sorted(operator.groups))}]",
        "authorization",
    )


def find_review(context: Context, record: str) -> OpenReview | None:
    """The open review of `record` in the target."""
    return next((each for each in context.state.reviews if each.record == record), None)


def _block(reason: str, name: str = _NAME) -> Finding:
    return blocked(name, reason, AuthorizationError)
