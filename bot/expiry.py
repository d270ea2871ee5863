"""Refuses actions that were accepted too long ago."""

from datetime import UTC, datetime

from bot.blocks.elements import Payload, format_duration
from bot.blocks.ephemeral import refusal, suggest_command
from bot.blocks.rendering_context import RenderingContext
from bot.inbox import Action
from engine.domain.change import LIFETIME


def accepted_at(action: Action) -> datetime:
    return datetime.fromtimestamp(action.at, UTC)


def refuse_if_expired(
    action: Action, headline: str, now: datetime, rendering: RenderingContext
) -> Payload | None:
    """Refuse an action that was accepted more than an hour ago; None for a newer one."""
    age = now - accepted_at(action)
    if age < LIFETIME:
        return None
    ago = f"this was requested {format_duration(age.total_seconds())} ago"
    if action.tries > 1:
        # An attempt began before floe stopped, and may have succeeded.
        why = f"{ago} and floe stopped while it ran: it may have taken effect"
        return refusal("Not finished", why, _suggest_status(rendering), action.trace_id)
    why = f"{ago}; floe was not running, and did not carry it out"
    return refusal(headline, why, _suggest_retry(action, rendering), action.trace_id)


def _suggest_retry(action: Action, rendering: RenderingContext) -> str:
    names = {
        "promote": (rendering.commands.promote, "version", "source", "target"),
        "rollback": (rendering.commands.rollback, "version", "target"),
        "lock": (rendering.commands.lock, "target", "duration", "reason"),
        "unlock": (rendering.commands.unlock, "target", "reason"),
    }
    if action.kind not in names:
        return _suggest_status(rendering)
    command, *words = names[action.kind]
    return suggest_command(" ".join(filter(None, (command, *map(action.argument, words)))))


def _suggest_status(rendering: RenderingContext) -> str:
    return f"See the open changes: `{rendering.commands.promotions}`"
