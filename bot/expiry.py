"""Refuses actions that were accepted too long ago."""

from datetime import UTC, datetime

from bot.blocks.elements import Payload, format_duration
from bot.blocks.ephemeral import refusal, suggest_command
from bot.inbox import Action
from engine.config.people import SlashCommands
from engine.domain.change import LIFETIME


def accepted_at(action: Action) -> datetime:
    return datetime.fromtimestamp(action.at, UTC)


def refuse_if_expired(
    action: Action, headline: str, now: datetime, commands: SlashCommands
) -> Payload | None:
    """Refuse an action that was accepted more than an hour ago; None for a newer one."""
    age = now - accepted_at(action)
    if age < LIFETIME:
        return None
    ago = f"this was requested {format_duration(age.total_seconds())} ago"
    if action.tries > 1:
        # An attempt began before floe stopped, and may have succeeded.
        why = f"{ago} and floe stopped while it ran: it may have taken effect"
        return refusal("Not finished", why, _suggest_status(commands), action.trace_id)
    why = f"{ago}; floe was not running, and did not carry it out"
    return refusal(headline, why, _suggest_retry(action, commands), action.trace_id)


def _suggest_retry(action: Action, commands: SlashCommands) -> str:
    names = {
        "promote": (commands.promote, "product", "version", "source", "target"),
        "rollback": (commands.rollback, "product", "version", "target"),
        "lock": (commands.lock, "product", "target", "duration", "reason"),
        "unlock": (commands.unlock, "product", "target", "reason"),
    }
    if action.kind not in names:
        return _suggest_status(commands)
    command, *words = names[action.kind]
    given = {word: action.argument(word) for word in words}
    if " " in given.get("source", ""):
        # These are several sources, which a command finds itself.
        del given["source"]
    return suggest_command(" ".join(filter(None, (command, *given.values()))))


def _suggest_status(commands: SlashCommands) -> str:
    return f"See the open changes: `{commands.promotions}`"
