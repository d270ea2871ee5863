"""Listeners for slash commands, and for mentions in threads, where Slack has no commands."""

import re
from collections.abc import Callable

from slack_bolt import App

from bot.blocks.elements import Payload, code
from bot.blocks.ephemeral import note, render_help
from bot.blocks.rendering_context import RenderingContext
from bot.dispatcher import Dispatcher
from bot.forms import Forms
from bot.inbox import Origin, new_action
from bot.line import Help, split_first_word
from bot.listeners import wrap_click, wrap_command
from bot.options import InvalidCommandError
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
from bot.payloads import Body, read_command_origin, read_event_origin, read_text, read_trigger
from bot.slack_text import closest_match
from engine.domain.overrides import Overrides

_MENTION = re.compile(r"^\s*(?:<@[A-Z0-9]+(?:\|[^>]*)?>\s*)+", re.ASCII)


class CommandListeners:
    """One method per command; only the person who typed it sees the returned message."""

    def __init__(self, dispatcher: Dispatcher, forms: Forms, rendering: RenderingContext) -> None:
        self._dispatcher = dispatcher
        self._forms = forms
        self._rendering = rendering

    def listen(self, app: App) -> None:
        names = self._rendering.commands
        listeners: dict[str, tuple[str, Callable[[Body], Payload | None]]] = {
            names.promote: ("Not started", self.promote),
            names.rollback: ("Not started", self.rollback),
            names.lock: ("Not locked", self.lock),
            names.unlock: ("Not unlocked", self.unlock),
            names.promotions: ("Not shown", self.promotions),
        }
        for name, (headline, listen) in listeners.items():
            app.command(re.compile(f"^{re.escape(name)}$"))(wrap_command(headline, listen))
        app.event("app_mention")(wrap_click("Not done", self.handle_mention, self._notify))

    def promote(self, body: Body) -> Payload | None:
        name, origin = self._rendering.commands.promote, read_command_origin(body)
        match parse_promote(read_text(body, "text"), self._rendering.path, name):
            case Help():
                return render_help(name, self._rendering)
            case PromoteForm() as prefilled:
                self._forms.open_promote(read_trigger(body, origin), prefilled)
                return None
            case Promote() as command:
                arguments = {
                    "version": command.version,
                    "source": command.source or "",
                    "target": command.target,
                    **_override_arguments(command.overrides),
                }
                self._accept("promote", body, origin, arguments)
                step = f"{command.version}: {command.source} → {command.target}"
                return note(f"Requested {code(step)}.{self._follow_hint(origin)}")

    def rollback(self, body: Body) -> Payload | None:
        name, origin = self._rendering.commands.rollback, read_command_origin(body)
        command = parse_rollback(read_text(body, "text"), self._rendering.path, name)
        if isinstance(command, Help):
            return render_help(name, self._rendering)
        self._forms.open_rollback(read_trigger(body, origin), command)
        return None

    def lock(self, body: Body) -> Payload | None:
        name, origin = self._rendering.commands.lock, read_command_origin(body)
        command = parse_lock(read_text(body, "text"), self._rendering.path, name)
        if isinstance(command, Help):
            return render_help(name, self._rendering)
        if not command.reason:
            self._forms.open_lock(read_trigger(body, origin), command)
            return None
        return self._lock(body, origin, command)

    def unlock(self, body: Body) -> Payload | None:
        name, origin = self._rendering.commands.unlock, read_command_origin(body)
        command = parse_unlock(read_text(body, "text"), self._rendering.path, name)
        if isinstance(command, Help):
            return render_help(name, self._rendering)
        if not command.reason:
            self._forms.open_unlock(read_trigger(body, origin), command)
            return None
        return self._unlock(body, origin, command)

    def promotions(self, body: Body) -> Payload | None:
        name, origin = self._rendering.commands.promotions, read_command_origin(body)
        command = parse_promotions(read_text(body, "text"), self._rendering.path, name)
        if isinstance(command, Help):
            return render_help(name, self._rendering)
        return self._promotions(body, origin, command)

    def handle_mention(self, body: Body) -> Payload | None:
        """Handle `@floe lock prod …`. Events cannot open a form, so all arguments are needed."""
        event = body.get("event") or {}
        if event.get("bot_id"):
            return None
        origin = read_event_origin(body)
        text = _MENTION.sub("", read_text(event, "text"))
        typed, rest = split_first_word(text)
        verb = typed.casefold().lstrip("/") or "help"
        match verb:
            case "lock":
                return self._lock_mentioned(body, origin, rest)
            case "unlock":
                return self._unlock_mentioned(body, origin, rest)
            case "promotions":
                shown = parse_promotions(rest, self._rendering.path, "@floe promotions")
                if isinstance(shown, Promotions):
                    return self._promotions(body, origin, shown)
            case "help":
                pass
            case _:
                suggestion = closest_match(verb, ("lock", "unlock", "promotions", "help")) or "help"
                raise InvalidCommandError(f"unknown command '{verb[:60]}'", f"@floe {suggestion}")
        return render_help(self._rendering.commands.promotions, self._rendering)

    def _lock_mentioned(self, body: Body, origin: Origin, rest: str) -> Payload | None:
        command = parse_lock(rest, self._rendering.path, "@floe lock")
        if isinstance(command, Lock) and command.reason:
            return self._lock(body, origin, command)
        raise self._incomplete("lock", "30m failover")

    def _unlock_mentioned(self, body: Body, origin: Origin, rest: str) -> Payload | None:
        command = parse_unlock(rest, self._rendering.path, "@floe unlock")
        if isinstance(command, Unlock) and command.reason:
            return self._unlock(body, origin, command)
        raise self._incomplete("unlock", "it is over")

    def _incomplete(self, verb: str, example: str) -> InvalidCommandError:
        suggestion = f"@floe {verb} {self._rendering.last_environment} {example}"
        return InvalidCommandError("the environment or the reason is missing", suggestion)

    def _lock(self, body: Body, origin: Origin, command: Lock) -> Payload | None:
        arguments = {"target": command.target, "duration": command.duration or ""}
        self._accept("lock", body, origin, arguments | {"reason": command.reason})
        return note(f"Locking {code(command.target)}.")

    def _unlock(self, body: Body, origin: Origin, command: Unlock) -> Payload | None:
        self._accept("unlock", body, origin, {"target": command.target, "reason": command.reason})
        return note(f"Unlocking {code(command.target)}.")

    def _promotions(self, body: Body, origin: Origin, command: Promotions) -> Payload | None:
        self._accept("promotions", body, origin, {"target": command.target or ""})
        return None

    def _accept(self, kind: str, body: Body, origin: Origin, arguments: dict[str, str]) -> None:
        delivery = read_text(body, "event_id") or read_text(body, "trigger_id")
        self._dispatcher.accept(new_action(kind, origin, arguments, delivery))

    def _follow_hint(self, origin: Origin) -> str:
        channel = self._rendering.channel or origin.channel
        return f" Follow it in <#{channel}>." if channel else ""

    def _notify(self, body: Body, answer: Payload) -> None:
        self._dispatcher.notify(read_event_origin(body), answer)


def _override_arguments(overrides: Overrides) -> dict[str, str]:
    """The arguments of an action for `overrides`."""
    if not overrides:
        return {}
    return {
        "allow_older": "yes" if overrides.allow_older else "",
        "override_rollback": "yes" if overrides.override_rollback else "",
        "reason": overrides.reason,
    }
