"""Nothing is changed while a freeze window keeps the environment closed."""

from datetime import datetime

from engine.checks.check import reads
from engine.context.context import Context
from engine.context.rollback import RollbackContext
from engine.domain.finding import Finding, Outcome, blocked, passed, warned
from engine.domain.plan import Effect
from engine.domain.release_errors import WindowClosedError
from engine.domain.request import PromotionRequest, Request, RollbackRequest
from engine.domain.text import iso_time
from engine.domain.windows import Outlook, schedule_of, show_local

_NAME = "window"


@reads(Context.effect, Context.calendars, name=_NAME)
def window(request: PromotionRequest, context: Context) -> tuple[Finding, ...]:
    """Block a promotion outside the freeze windows."""
    return _judge(request, context, "promote")


@reads(
    RollbackContext.target_head,
    RollbackContext.effect,
    RollbackContext.promotion,
    RollbackContext.current_promotion,
    RollbackContext.calendars,
    name=_NAME,
)
def window_for_rollback(request: RollbackRequest, context: RollbackContext) -> tuple[Finding, ...]:
    """Block a rollback by windows about rollbacks; one to a newer version by all windows."""
    operations = ("rollback", "promote") if context.forward else ("rollback",)
    found = [each for name in operations for each in _judge(request, context, name)]
    closed = [each for each in found if each.outcome is not Outcome.PASSED]
    return tuple((closed or found)[:1])


def _judge(request: Request, context: Context, operation: str) -> tuple[Finding, ...]:
    schedule = schedule_of(context.target.windows, operation, context.calendars)
    scheduled = request.scheduled_at if isinstance(request, PromotionRequest) else None
    # A promotion for a later time is judged for that time, and once more when it has come.
    at = max(context.now, scheduled or context.now)
    if schedule is None or context.effect is not Effect.CHANGE:
        # A recorded change has happened; a window does not stop `latest` from following it.
        return ()
    if schedule.closed_by(at) is None:
        return (passed(_NAME, f"{request.target} is open"),)
    outlook = schedule.outlook(at)
    if context.glass:
        reason = f"Window '{outlook.closed_by}' of {request.target} does not stop a break-glass"
        return (warned(_NAME, reason),)
    return (
        blocked(
            _NAME,
            f"{_explain(request.target, outlook)}{_later(request, outlook, context.now)}",
            WindowClosedError,
            {
                "environment": request.target,
                "window": outlook.closed_by,
                "reason": outlook.reason,
                "contact": outlook.contact,
                "opens_at": outlook.opens_at and iso_time(outlook.opens_at),
            },
        ),
    )


def _explain(environment: str, outlook: Outlook) -> str:
    how = "outside window" if outlook.outside else "by window"
    parts = [
        f"Environment '{environment}' is closed {how} '{outlook.closed_by}'",
        f"Its calendar cannot be read: {outlook.fault}" if outlook.fault else "",
        f"Reason: {outlook.reason}" if outlook.reason else "",
        f"Contact: {outlook.contact}" if outlook.contact else "",
    ]
    return ". ".join((*filter(None, parts), _next_step(outlook)))


def _later(request: Request, outlook: Outlook, now: datetime) -> str:
    """The way to schedule a promotion for the next opening, where that is possible."""
    from engine.domain.recurrence_rules import find_zone  # only closed environments need both
    from engine.domain.scheduled_time import LONGEST

    opens_at = outlook.opens_at
    if not isinstance(request, PromotionRequest) or opens_at is None or opens_at > now + LONGEST:
        return ""
    local = opens_at.astimezone(find_zone(outlook.zone)).isoformat(timespec="seconds")
    return f". Or have a server promote it then: --at {local}"


def _next_step(outlook: Outlook) -> str:
    if outlook.opens_at is None:
        return "No opening is known: change the windows in manifest.yaml"
    return f"Try again after {show_local(outlook.opens_at, outlook.zone)}"
