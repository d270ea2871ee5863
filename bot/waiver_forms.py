"""Forms that ask for a waiver and that end one, and the commands that lead to them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue
from slack_bolt import App

from bot.blocks.elements import Payload, View, escape, section
from bot.blocks.rendering_context import RenderingContext
from bot.blocks.waivers import END_WAIVER, WAIVE, WaiverPlace
from bot.catalog import Catalog
from bot.dispatcher import Dispatcher
from bot.line import Help, Line, NoProduct, check_environment, parse_line, take_text
from bot.listeners import InvalidFormError, wrap_click, wrap_submission
from bot.menu import Menu
from bot.modal_inputs import (
    Draft,
    environment_input,
    labelled,
    modal,
    product_input,
    read_input,
    text_input,
)
from bot.modal_opener import ModalOpener
from bot.options import WAIVE as GRAMMAR
from bot.payloads import Body, read_action_value, read_click_origin, read_trigger
from bot.slack_text import normalize, split_first_word
from bot.submissions import accept_form, read_form, read_reason
from engine.domain.errors import UsageError
from engine.domain.operator import IdentitySource, Operator
from engine.domain.product import UNNAMED
from engine.domain.waiver_parsing import parse_waive_request

WAIVE_FORM, END_FORM = "floe_waive_form", "floe_unwaive_form"
_INPUTS = ("vulnerability", "package", "until", "reason")
_NO_OPERATOR = Operator("nobody", "nobody", IdentitySource.SLACK, verified=False)


@dataclass(frozen=True, slots=True)
class Waive:
    """The values of a waiver given so far; a form asks for the rest."""

    vulnerability: str = ""
    target: str = ""
    package: str = ""
    until: str = ""
    reason: str = ""
    product: str = UNNAMED


def parse_waive(text: str, menu: Menu, command: str) -> Waive | Help | NoProduct:
    """Parse `CVE-2026-1 prod [reason]` with its options, or a part of it."""
    return parse_line(text, GRAMMAR, menu, command, _waive)


def _waive(line: Line) -> Waive:
    vulnerability, rest = split_first_word(line.free)
    line.values["vulnerability"] = vulnerability
    place, text = split_first_word(rest)
    if place and "env" not in line.values:
        line.values["env"] = place
        rest = text
    check_environment(line, "env", rest)
    take_text(line, rest)
    return Waive(
        vulnerability,
        line.values.get("env", ""),
        line.values.get("package", ""),
        line.values.get("until", ""),
        line.reason,
        line.product,
    )


def waive_form(
    rendering: RenderingContext, metadata: Mapping[str, JsonValue], draft: Draft
) -> View:
    blocks = [
        *product_input(rendering),
        environment_input(rendering, draft.target),
        labelled(
            "vulnerability",
            "Vulnerability",
            text_input(draft.vulnerability, "CVE-2026-1", 128, multiline=False),
        ),
        labelled(
            "package",
            "Package",
            text_input(draft.package, "pkg:npm/lodash", 256, multiline=False),
            "A package URL, or the name that the scanner reports. Empty: every package.",
            optional=True,
        ),
        labelled(
            "until",
            "Until",
            text_input(draft.until, "2026-12-24", 80, multiline=False),
            "That day included, in UTC, or a time with its zone; in at most 90 days.",
        ),
        labelled(
            "reason",
            "Why?",
            text_input(draft.reason, "checkout does not call it", 500),
            "The reason is shown each time the waiver is used.",
        ),
    ]
    return modal(WAIVE_FORM, "Waive a vulnerability", "Ask for the waiver", blocks, metadata)


class WaiverForms:
    """Listens to the buttons and forms of waivers; `Forms` opens the form that asks for one."""

    def __init__(self, catalog: Catalog, opener: ModalOpener, dispatcher: Dispatcher) -> None:
        self._catalog = catalog
        self._opener = opener
        self._dispatcher = dispatcher

    def listen(self, app: App) -> None:
        app.action(WAIVE)(wrap_click("Not opened", self.open_waive, self._notify))
        app.action(END_WAIVER)(wrap_click("Not opened", self.open_end, self._notify))
        app.view(WAIVE_FORM)(wrap_submission("Not waived", "vulnerability", self.submit_waive))
        app.view(END_FORM)(wrap_submission("Not ended", "reason", self.submit_end))

    def open_waive(self, body: Body) -> None:
        origin, product = read_click_origin(body), read_action_value(body).strip("-")
        if product not in self._catalog.visible(origin):
            raise self._catalog.products.unusable(product)
        metadata: dict[str, JsonValue] = {"channel": origin.channel, "thread": origin.thread or ""}
        view = waive_form(self._catalog.rendering(product), metadata, Draft())
        self._opener.open(read_trigger(body, origin), view)

    def open_end(self, body: Body) -> None:
        """Ask why a waiver ends early."""
        origin, place = read_click_origin(body), WaiverPlace.read(read_action_value(body))
        rendering = self._catalog.rendering(place.product)
        where = escape(rendering.place(place.environment), 150)
        text = f"*{escape(place.key, 400)}* blocks promotions to {where} again."
        reason = text_input("", "fixed in 4.17.21", 500)
        blocks = [section("effect", text), labelled("reason", "Why does it end?", reason)]
        metadata = {"channel": origin.channel, "thread": origin.thread or "", **place.arguments}
        view = modal(END_FORM, "End a waiver", "End it", blocks, metadata)
        self._opener.open(read_trigger(body, origin), view)

    def submit_waive(self, body: Body) -> None:
        view, metadata = read_form(body)
        product = read_input(view, "product") or metadata.get("product", UNNAMED)
        rendering = self._catalog.rendering(product)
        target = read_input(view, "target") or rendering.last_environment
        given = {name: normalize(read_input(view, name)) for name in _INPUTS[:3]}
        given["reason"] = read_reason(view)
        try:
            about = (given["vulnerability"], given["package"] or None, given["until"])
            path = rendering.path
            parse_waive_request(path, target, _NO_OPERATOR, "0" * 32, *about, given["reason"])
        except UsageError as error:
            wrong = next((name for name in _INPUTS if name in error.details), "vulnerability")
            raise InvalidFormError({wrong: str(error)}) from error
        accept_form(self._dispatcher, "waive", body, {"target": target, **given}, product)

    def submit_end(self, body: Body) -> None:
        view, metadata = read_form(body)
        names = ("target", "vulnerability", "package")
        arguments = {name: metadata.get(name, "") for name in names}
        arguments["reason"] = read_reason(view)
        accept_form(self._dispatcher, "unwaive", body, arguments, metadata.get("product", ""))

    def _notify(self, body: Body, answer: Payload) -> None:
        self._dispatcher.notify(read_click_origin(body), answer)
