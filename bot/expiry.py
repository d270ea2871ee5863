"""Refuses what was asked for in Slack too long ago."""

from datetime import UTC, datetime

from bot.blocks.elements import Payload, duration
from bot.blocks.ephemeral import refusal, try_instead
from bot.blocks.rendering_context import Look
from bot.inbox import Asked
from engine.domain.change import LIFETIME


def asked_at(asked: Asked) -> datetime:
    return datetime.fromtimestamp(asked.at, UTC)


def too_old(asked: Asked, what_not: str, now: datetime, look: Look) -> Payload | None:
    """The refusal of a request that was accepted more than an hour ago; None for a newer one."""
    age = now - asked_at(asked)
    if age < LIFETIME:
        return None
    ago = f"this was asked for {duration(age.total_seconds())} ago"
    if asked.tries > 1:
        # It was begun before floe stopped, so that it may have been done.
        why = f"{ago} and floe stopped while it worked on it: it may have taken effect"
        return refusal("Not finished", why, _see(look), asked.trace_id)
    why = f"{ago}, floe was not running since, and it was not carried out"
    return refusal(what_not, why, _again(asked, look), asked.trace_id)


def _again(asked: Asked, look: Look) -> str:
    names = {
        "promote": (look.commands.promote, "version", "source", "target"),
        "rollback": (look.commands.rollback, "version", "target"),
        "lock": (look.commands.lock, "target", "duration", "reason"),
        "unlock": (look.commands.unlock, "target", "reason"),
    }
    if asked.kind not in names:
        return _see(look)
    command, *words = names[asked.kind]
    return try_instead(" ".join(filter(None, (command, *map(asked.text, words)))))


def _see(look: Look) -> str:
    return f"See what is under way: `{look.commands.promotions}`"
