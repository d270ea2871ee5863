"""What people type: slash commands, and mentions where those cannot be typed."""

import re
from collections.abc import Callable

from slack_bolt import App

from bot.blocks.elements import Payload, code
from bot.blocks.ephemeral import help_for, note
from bot.blocks.rendering_context import Look
from bot.dispatcher import Desk
from bot.forms import Forms
from bot.inbox import Asked, Asker, key_of
from bot.line import Help, first_word
from bot.listeners import clicks, commands
from bot.options import NotUnderstoodError
from bot.parse import (
    Lock,
    Promote,
    PromoteForm,
    Promotions,
    Unlock,
    parse_lock,
    parse_promote,
    parse_promotions,
    parse_rollback,
    parse_unlock,
)
from bot.payloads import Body, command_asker, event_asker, text_of, trigger_of
from bot.slack_text import near
from engine.domain.overrides import Overrides
from engine.domain.trace import trace_id

_MENTION = re.compile(r"^\s*(?:<@[A-Z0-9]+(?:\|[^>]*)?>\s*)+", re.ASCII)


class Commands:
    """Each method is one command; what it returns is seen by whoever typed it alone."""

    def __init__(self, desk: Desk, forms: Forms, look: Look) -> None:
        self._desk = desk
        self._forms = forms
        self._look = look

    def listen(self, app: App) -> None:
        names = self._look.commands
        listeners: dict[str, tuple[str, Callable[[Body], Payload | None]]] = {
            names.promote: ("Not started", self.promote),
            names.rollback: ("Not started", self.rollback),
            names.lock: ("Not locked", self.lock),
            names.unlock: ("Not unlocked", self.unlock),
            names.promotions: ("Not shown", self.promotions),
        }
        for name, (what_not, listen) in listeners.items():
            app.command(re.compile(f"^{re.escape(name)}$"))(commands(what_not, listen))
        app.event("app_mention")(clicks("Not done", self.mentioned, self._tell))

    def promote(self, body: Body) -> Payload | None:
        name, asker = self._look.commands.promote, command_asker(body)
        match parse_promote(text_of(body, "text"), self._look.path, name):
            case Help():
                return help_for(name, self._look)
            case PromoteForm() as begun:
                self._forms.promote(trigger_of(body, asker), begun)
                return None
            case Promote() as asked:
                words = {
                    "version": asked.version,
                    "source": asked.source or "",
                    "target": asked.target,
                    **_words_of(asked.overrides),
                }
                self._accept("promote", body, asker, words)
                what = f"{asked.version}: {asked.source} → {asked.target}"
                return note(f"Asking for {code(what)}. {self._where(asker)}")

    def rollback(self, body: Body) -> Payload | None:
        name, asker = self._look.commands.rollback, command_asker(body)
        asked = parse_rollback(text_of(body, "text"), self._look.path, name)
        if isinstance(asked, Help):
            return help_for(name, self._look)
        self._forms.rollback(trigger_of(body, asker), asked)
        return None

    def lock(self, body: Body) -> Payload | None:
        name, asker = self._look.commands.lock, command_asker(body)
        asked = parse_lock(text_of(body, "text"), self._look.path, name)
        if isinstance(asked, Help):
            return help_for(name, self._look)
        if not asked.reason:
            self._forms.lock(trigger_of(body, asker), asked)
            return None
        return self._lock(body, asker, asked)

    def unlock(self, body: Body) -> Payload | None:
        name, asker = self._look.commands.unlock, command_asker(body)
        asked = parse_unlock(text_of(body, "text"), self._look.path, name)
        if isinstance(asked, Help):
            return help_for(name, self._look)
        if not asked.reason:
            self._forms.unlock(trigger_of(body, asker), asked)
            return None
        return self._unlock(body, asker, asked)

    def promotions(self, body: Body) -> Payload | None:
        name, asker = self._look.commands.promotions, command_asker(body)
        asked = parse_promotions(text_of(body, "text"), self._look.path, name)
        if isinstance(asked, Help):
            return help_for(name, self._look)
        return self._promotions(body, asker, asked)

    def mentioned(self, body: Body) -> Payload | None:
        """`@floe lock prod …` in a thread. Nothing opens a form there, so all of it is said."""
        event = body.get("event") or {}
        if event.get("bot_id"):
            return None
        asker = event_asker(body)
        said = _MENTION.sub("", text_of(event, "text"))
        typed, rest = first_word(said)
        verb = typed.casefold().lstrip("/") or "help"
        match verb:
            case "lock":
                return self._lock_mentioned(body, asker, rest)
            case "unlock":
                return self._unlock_mentioned(body, asker, rest)
            case "promotions":
                shown = parse_promotions(rest, self._look.path, "@floe promotions")
                if isinstance(shown, Promotions):
                    return self._promotions(body, asker, shown)
            case "help":
                pass
            case _:
                meant = near(verb, ("lock", "unlock", "promotions", "help")) or "help"
                raise NotUnderstoodError(f"I do not know '{verb[:60]}'", f"@floe {meant}")
        return help_for(self._look.commands.promotions, self._look)

    def _lock_mentioned(self, body: Body, asker: Asker, rest: str) -> Payload | None:
        asked = parse_lock(rest, self._look.path, "@floe lock")
        if isinstance(asked, Lock) and asked.reason:
            return self._lock(body, asker, asked)
        raise NotUnderstoodError("say where and why", f"@floe lock {self._look.last} 30m failover")

    def _unlock_mentioned(self, body: Body, asker: Asker, rest: str) -> Payload | None:
        asked = parse_unlock(rest, self._look.path, "@floe unlock")
        if isinstance(asked, Unlock) and asked.reason:
            return self._unlock(body, asker, asked)
        raise NotUnderstoodError("say where and why", f"@floe unlock {self._look.last} it is over")

    def _lock(self, body: Body, asker: Asker, asked: Lock) -> Payload | None:
        words = {
            "target": asked.target,
            "duration": asked.duration or "",
            "reason": asked.reason,
        }
        self._accept("lock", body, asker, words)
        return note(f"Locking {code(asked.target)}.")

    def _unlock(self, body: Body, asker: Asker, asked: Unlock) -> Payload | None:
        self._accept("unlock", body, asker, {"target": asked.target, "reason": asked.reason})
        return note(f"Unlocking {code(asked.target)}.")

    def _promotions(self, body: Body, asker: Asker, asked: Promotions) -> Payload | None:
        self._accept("promotions", body, asker, {"target": asked.target or ""})
        return None

    def _accept(self, kind: str, body: Body, asker: Asker, words: dict[str, str]) -> None:
        delivery = text_of(body, "event_id") or text_of(body, "trigger_id")
        if not delivery:
            raise NotUnderstoodError("Slack sent it without an id, so it could happen twice", "")
        key = key_of(kind, delivery)
        self._desk.accept(Asked(key, kind, asker, trace_id(), {**words}))

    def _where(self, asker: Asker) -> str:
        channel = self._look.channel or asker.channel
        return f"What comes of it stands in <#{channel}>." if channel else ""

    def _tell(self, body: Body, answer: Payload) -> None:
        self._desk.tell(event_asker(body), answer)


def _words_of(overrides: Overrides) -> dict[str, str]:
    """`overrides` as an accepted action keeps them."""
    if not overrides:
        return {}
    return {
        "allow_older": "yes" if overrides.allow_older else "",
        "override_rollback": "yes" if overrides.override_rollback else "",
        "reason": overrides.reason,
    }
