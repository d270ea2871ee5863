"""How a change ended, in one sentence."""

from bot.blocks.elements import escape
from bot.blocks.rendering_context import RenderingContext, describe_step
from engine.domain.change import Change, ChangeState

_VERBS = {
    ChangeState.BLOCKED: "was blocked",
    ChangeState.EXPIRED: "expired",
    ChangeState.SUPERSEDED: "was superseded",
    ChangeState.STALE: "is out of date and did not start",
    ChangeState.FAILED: "failed",
    ChangeState.CANCELLED: "was cancelled",
}


def end_sentence(change: Change, rendering: RenderingContext) -> str:
    """The end of `change` without a full stop, like `v1.2.3 is live in prod`."""
    step = escape(describe_step(change))
    if change.state is ChangeState.PROMOTED:
        return escape(_success(change))
    if change.state is ChangeState.REJECTED:
        return f"{rendering.mention_decider(change)} rejected {step}"
    return f"{step} {_VERBS.get(change.state, change.state.value)}"


def _success(change: Change) -> str:
    place = f"{change.product} {change.target}" if change.product else change.target
    if change.waiver is not None:
        return f"{change.waiver.shown} is waived in {place}"
    again = "live again" if change.action == "rollback" else "live"
    return f"{change.version} is {again} in {place}"
