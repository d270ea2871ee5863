"""Nothing is promoted into a locked environment (FR-036)."""

from engine.checks.check import reads
from engine.context.context import Context
from engine.context.rollback import RollbackContext
from engine.domain.errors import EnvironmentLockedError
from engine.domain.finding import Finding, blocked, passed, skipped, warned
from engine.domain.plan import Effect
from engine.domain.request import PromotionRequest, Request, RollbackRequest
from engine.domain.state import LockState


@reads(Context.target_head, Context.effect)
def lock(request: PromotionRequest, context: Context) -> Finding:
    """Block a promotion to a locked environment."""
    if context.effect is not Effect.CHANGE:
        # A recorded promotion has happened; a lock does not stop `latest` from following it.
        return passed("lock", f"{request.target} is not changed")
    return _finding(request, context)


@reads(
    RollbackContext.target_head,
    RollbackContext.effect,
    RollbackContext.promotion,
    RollbackContext.current_promotion,
)
def lock_for_newer_version(request: RollbackRequest, context: RollbackContext) -> Finding:
    """Block a rollback to a newer version in a locked environment; others are always possible."""
    if not context.forward:
        return skipped("lock", "a lock does not stop a rollback")
    return _finding(request, context)


@reads(Context.target_head, Context.effect)
def not_locked_yet(request: Request, context: Context) -> Finding:
    """Block a lock of a locked environment, with the present lock."""
    if context.effect is not Effect.CHANGE:
        return passed("lock", "an interrupted run of this request locked it")
    return _finding(request, context, "locked already")


def _finding(request: Request, context: Context, state: str = "locked") -> Finding:
    held = context.lock
    if held is None:
        return passed("lock", f"{request.target} is not locked")
    if context.glass and context.target.fixed_lock is None:
        return warned(
            "lock",
            f"The lock of {request.target} by {held.operator} does not stop a break-glass: "
            f"{held.reason}",
        )
    return blocked(
        "lock",
        f"Environment '{request.target}' is {state}. Reason: {_ended(held.reason)} Locked by: "
        f"{held.operator}{_times(held)}. Unlock: {_unlock(request, context)}",
        EnvironmentLockedError,
        {"environment": request.target, **held.model_dump(mode="json")},
    )


def _ended(reason: str) -> str:
    return reason if reason.endswith((".", "!", "?", "…")) else f"{reason}."


def _times(held: LockState) -> str:
    at = f" at {held.at:%Y-%m-%d %H:%M:%S} UTC" if held.at else ""
    return at + (f" until {held.expires_at:%Y-%m-%d %H:%M:%S} UTC" if held.expires_at else "")


def _unlock(request: Request, context: Context) -> str:
    if context.target.fixed_lock is not None:
        return "remove `lock` from the environment in manifest.yaml"
    return f"floe platform unlock --env {request.target} --reason …"
