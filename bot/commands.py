"""Listeners for slash commands, and for mentions in threads, where Slack has no commands."""

import re
from collections.abc import Callable

from slack_bolt import App

from bot.blocks.elements import Payload, code
from bot.blocks.ephemeral import note, render_help
from bot.catalog import Catalog
from bot.dispatcher import Dispatcher
from bot.forms import Forms
from bot.inbox import Origin, new_action
from bot.line import Help, NoProduct
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
from bot.slack_text import split_first_word
from bot.waiver_forms import parse_waive
from engine.domain.overrides import Overrides
from engine.domain.text import closest_match

_MENTION = re.compile(r"^\s*(?:<@[A-Z0-9]+(?:\|[^>]*)?>\s*)+", re.ASCII)

# The commands that a mention understands.
_MENTIONED = ("promote", "rollback", "lock", "unlock", "promotions", "help")


class CommandListeners:
    """One method per command; only the person who typed it sees the returned message."""

    def __init__(self, dispatcher: Dispatcher, forms: Forms, catalog: Catalog) -> None:
        self._dispatcher = dispatcher
        self._forms = forms
        self._catalog = catalog

    def listen(self, app: App) -> None:
        names = self._catalog.commands
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
        name, origin = self._catalog.commands.promote, read_command_origin(body)
        verb, rest = split_first_word(read_text(body, "text"))
        if verb.casefold() == "waive":
            return self._waive(body, origin, rest)
        match parse_promote(read_text(body, "text"), self._catalog.menu(origin), name):
            case Help():
                return self._help(name, origin)
            case NoProduct() as asked:
                self._forms.open_choice("promote", read_trigger(body, origin), asked.text)
                return None
            case PromoteForm() as prefilled:
                self._forms.open_promote(read_trigger(body, origin), prefilled)
                return None
            case Promote() as command:
                return self._promote(body, origin, command)

    def _promote(self, body: Body, origin: Origin, command: Promote) -> Payload:
        arguments = {
            "product": command.product,
            "version": command.version,
            "source": command.source or "",
            "target": command.target,
            **_override_arguments(command.overrides),
            **({"at": command.at} if command.at else {}),
        }
        self._accept("promote", body, origin, arguments)
        product = f"{command.product} " if command.product else ""
        step = f"{product}{command.version}: {command.source} → {command.target}"
        return note(f"Checking {code(step)}.{self._follow_hint(command.product, origin)}")

    def _waive(self, body: Body, origin: Origin, text: str) -> Payload | None:
        """Open the form of a waiver with the values in `text`."""
        name = self._catalog.commands.promote
        if isinstance(parse_waive(text, self._catalog.menu(origin), f"{name} waive"), Help):
            return self._help(name, origin)
        self._forms.open_choice("waive", read_trigger(body, origin), text)
        return None

    def rollback(self, body: Body) -> Payload | None:
        name, origin = self._catalog.commands.rollback, read_command_origin(body)
        menu = self._catalog.menu(origin)
        command = parse_rollback(read_text(body, "text"), menu, name)
        if isinstance(command, Help | NoProduct):
            return self._choose("rollback", body, origin, command)
        self._forms.open_rollback(read_trigger(body, origin), command)
        return None

    def lock(self, body: Body) -> Payload | None:
        name, origin = self._catalog.commands.lock, read_command_origin(body)
        command = parse_lock(read_text(body, "text"), self._catalog.menu(origin), name)
        if isinstance(command, Help | NoProduct):
            return self._choose("lock", body, origin, command)
        if command.every_product:
            self._forms.open_lock_all(read_trigger(body, origin), command)
            return None
        if not command.reason:
            self._forms.open_lock(read_trigger(body, origin), command)
            return None
        return self._lock(body, origin, command)

    def unlock(self, body: Body) -> Payload | None:
        name, origin = self._catalog.commands.unlock, read_command_origin(body)
        command = parse_unlock(read_text(body, "text"), self._catalog.menu(origin), name)
        if isinstance(command, Help | NoProduct):
            return self._choose("unlock", body, origin, command)
        if not command.reason:
            self._forms.open_unlock(read_trigger(body, origin), command)
            return None
        return self._unlock(body, origin, command)

    def promotions(self, body: Body) -> Payload | None:
        name, origin = self._catalog.commands.promotions, read_command_origin(body)
        return self._show(body, origin, read_text(body, "text"), name)

    def _choose(
        self, kind: str, body: Body, origin: Origin, asked: Help | NoProduct
    ) -> Payload | None:
        """Open a form that asks for the product, or explain the command without any word."""
        if isinstance(asked, Help) or asked.empty:
            return self._help(getattr(self._catalog.commands, kind), origin)
        self._forms.open_choice(kind, read_trigger(body, origin), asked.text)
        return None

    def _help(self, command: str, origin: Origin) -> Payload:
        return render_help(command, self._catalog.example(origin))

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
            case "promote":
                return self._promote_mentioned(body, origin, rest)
            case "rollback":
                # A rollback shows its impact first, in a form.
                command = f"{self._catalog.commands.rollback} {rest}".rstrip()
                raise InvalidCommandError("a mention cannot open the form of a rollback", command)
            case "promotions":
                return self._show(body, origin, rest, "@floe promotions")
            case "help":
                return self._help(self._catalog.commands.promotions, origin)
            case _:
                suggestion = closest_match(verb, _MENTIONED) or "help"
                raise InvalidCommandError(f"unknown command '{verb[:60]}'", f"@floe {suggestion}")

    def _promote_mentioned(self, body: Body, origin: Origin, rest: str) -> Payload | None:
        """Promote like the command; without a version and environments, name the command."""
        parsed = parse_promote(rest, self._catalog.menu(origin), "@floe promote")
        if isinstance(parsed, Promote):
            return self._promote(body, origin, parsed)
        if isinstance(parsed, Help):
            return self._help(self._catalog.commands.promote, origin)
        shown = self._catalog.example(origin)
        version = "" if isinstance(parsed, NoProduct) else parsed.version
        example = f"@floe promote {shown.place('')} {version or 'v1.2.3'} {shown.last_environment}"
        asked = "the target environment" if version else "the version"
        missing = "the product" if isinstance(parsed, NoProduct) else asked
        raise InvalidCommandError(
            f"{missing} is missing, and only {self._catalog.commands.promote} opens a form",
            " ".join(example.split()),
        )

    def _lock_mentioned(self, body: Body, origin: Origin, rest: str) -> Payload | None:
        command = parse_lock(rest, self._catalog.menu(origin), "@floe lock")
        if isinstance(command, Lock) and command.every_product:
            suggestion = f"{self._catalog.commands.lock} {rest}"
            raise InvalidCommandError("--all asks for a confirmation in a form", suggestion)
        if isinstance(command, Lock) and command.reason:
            return self._lock(body, origin, command)
        raise self._incomplete("lock", "30m failover", command, origin)

    def _unlock_mentioned(self, body: Body, origin: Origin, rest: str) -> Payload | None:
        command = parse_unlock(rest, self._catalog.menu(origin), "@floe unlock")
        if isinstance(command, Unlock) and command.reason:
            return self._unlock(body, origin, command)
        raise self._incomplete("unlock", "it is over", command, origin)

    def _incomplete(
        self, verb: str, example: str, given: object, origin: Origin
    ) -> InvalidCommandError:
        shown = self._catalog.example(origin)
        suggestion = f"@floe {verb} {shown.place(shown.last_environment)} {example}"
        missing = "the product" if isinstance(given, NoProduct) else "the environment or the reason"
        return InvalidCommandError(f"{missing} is missing", suggestion)

    def _lock(self, body: Body, origin: Origin, command: Lock) -> Payload | None:
        arguments = {
            "product": command.product,
            "target": command.target,
            "duration": command.duration or "",
            "reason": command.reason,
        }
        self._accept("lock", body, origin, arguments)
        return note(f"Locking {code(self._place(command.product, command.target))}.")

    def _unlock(self, body: Body, origin: Origin, command: Unlock) -> Payload | None:
        arguments = {
            "product": command.product,
            "target": command.target,
            "reason": command.reason,
        }
        self._accept("unlock", body, origin, arguments)
        return note(f"Unlocking {code(self._place(command.product, command.target))}.")

    def _show(self, body: Body, origin: Origin, text: str, name: str) -> Payload | None:
        """Accept a request for the status or the waivers of a product, or for the overview."""
        words = text.split()
        waivers = "waivers" in words
        text = " ".join(word for word in words if word != "waivers") if waivers else text
        match parse_promotions(text, self._catalog.menu(origin), name):
            case Promotions() as shown if waivers:
                arguments = {"product": shown.product, "target": shown.target or ""}
                self._accept("waivers", body, origin, arguments)
            case NoProduct() if waivers:
                product = self._catalog.example(origin).product
                raise InvalidCommandError("the product is missing", f"{name} {product} waivers")
            case Promotions() as shown if text.strip() or not self._catalog.several:
                arguments = {"product": shown.product, "target": shown.target or ""}
                self._accept("promotions", body, origin, arguments)
            case Help():
                return self._help(self._catalog.commands.promotions, origin)
            case NoProduct(empty=False):
                product = self._catalog.example(origin).product
                raise InvalidCommandError("the product is missing", f"{name} {product} {text}")
            case _:
                self._accept("overview", body, origin, {})
        return None

    def _place(self, product: str, environment: str) -> str:
        return self._catalog.rendering(product).place(environment)

    def _accept(self, kind: str, body: Body, origin: Origin, arguments: dict[str, str]) -> None:
        delivery = read_text(body, "event_id") or read_text(body, "trigger_id")
        given = {name: value for name, value in arguments.items() if value or name != "product"}
        self._dispatcher.accept(new_action(kind, origin, given, delivery))

    def _follow_hint(self, product: str, origin: Origin) -> str:
        channel = self._catalog.rendering(product).channel or origin.channel
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
        "incident": overrides.incident,
    }
