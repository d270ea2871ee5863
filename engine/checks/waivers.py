"""The rules of waivers, and of promotions that use them."""

from collections.abc import Iterable
from datetime import timedelta

from engine.checks.check import reads
from engine.context.context import Context
from engine.context.promotion import PromotionContext
from engine.domain.errors import ConflictError, StaleError, UsageError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.gate import GateResult
from engine.domain.plan import Effect
from engine.domain.request import PromotionRequest, WaiveRequest
from engine.domain.waiver import MAX_DAYS, MAX_WAIVERS, show_until, waive_command, waiver_words

_NAME = "waiver"


@reads(Context.target_head, Context.effect, name=_NAME)
def end_of_waiver(request: WaiveRequest, context: Context) -> Finding:
    """Block a waiver that has ended before it starts, or that lasts too long."""
    terms, now = request.terms, context.now
    if terms.until <= now:
        return blocked(
            _NAME,
            f"The waiver of {terms.key} would end at {show_until(terms.until)}, which has passed. "
            "Ask for a later end with --until",
            StaleError if request.asked_at and request.asked_at < terms.until else UsageError,
        )
    longest = (request.asked_at or now) + timedelta(days=MAX_DAYS)
    if terms.until > longest:
        return blocked(
            _NAME,
            f"A waiver lasts at most {MAX_DAYS} days: the waiver of {terms.key} may end at "
            f"{longest:%Y-%m-%dT%H:%M}Z or earlier, and not at {show_until(terms.until)}. Give an "
            "earlier end with --until",
            UsageError,
        )
    return passed(_NAME, terms.shown)


@reads(Context.target_head, name="waivers")
def number_of_waivers(request: WaiveRequest, context: Context) -> tuple[Finding, ...]:
    """Block a waiver beyond the number that an environment can have; else no finding."""
    others = [w for w in context.state.waivers_in_force(context.now) if w.key != request.terms.key]
    if len(others) < MAX_WAIVERS:
        return ()
    return (
        blocked(
            "waivers",
            f"{request.target} has {len(others)} waivers, and {MAX_WAIVERS} is the most. End one: "
            f"floe platform unwaive {waiver_words(others[0].key)} --env {request.target} "
            "--reason …",
            ConflictError,
        ),
    )


@reads(Context.target_head, Context.effect, name=_NAME)
def waivers_in_force(request: PromotionRequest, context: PromotionContext) -> tuple[Finding, ...]:
    """Block a promotion whose gates used waivers that have ended; else no finding."""
    held = {each.key for each in context.state.waivers_in_force(context.now)}
    ended = [key for key in request.waived if key not in held]
    if not ended or context.effect is not Effect.CHANGE:
        return ()
    return (
        blocked(
            _NAME,
            f"The waiver of {' and of '.join(ended)}, with which {request.version} passed the "
            f"gates of {request.target}, has ended. Ask for the promotion again, or for a new "
            f"waiver: {waive_command(ended[0], request.target)}",
            StaleError,
            {"waivers": ended},
        ),
    )


def used_waivers(results: Iterable[GateResult]) -> tuple[str, ...]:
    """The keys of the waivers that the gates with `results` used."""
    return tuple(dict.fromkeys(key for result in results for key in result.waived))
