"""Listeners for the part of the Home tab that mutes direct messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from slack_bolt import App

from bot.app_home import AppHomes
from bot.blocks.elements import Block, Payload
from bot.blocks.home import MUTE, MUTED
from bot.catalog import Catalog
from bot.listeners import wrap_click, wrap_options
from bot.modal_inputs import MOST_OPTIONS, option
from bot.mutes import Mutes
from bot.payloads import Body, read_action_value, read_click_origin, read_text
from bot.slack_text import normalize
from engine.domain.product import UNNAMED


class MuteListeners:
    """People mute only their own messages, so no right is needed."""

    def __init__(self, catalog: Catalog, mutes: Mutes, homes: AppHomes) -> None:
        self._catalog = catalog
        self._mutes = mutes
        self._homes = homes

    def listen(self, app: App) -> None:
        app.action(MUTE)(wrap_click("Not muted", self.toggle, _drop_answer))
        app.action(MUTED)(wrap_click("Not muted", self.choose, _drop_answer))
        app.options(MUTED)(wrap_options(self.find))

    def toggle(self, body: Body) -> None:
        """Mute the only product, or end that."""
        origin = read_click_origin(body)
        self._mutes.set(origin, [UNNAMED] if read_action_value(body) == "mute" else [])
        self._homes.publish(origin)

    def choose(self, body: Body) -> None:
        """Mute the chosen products and no others."""
        origin, products = read_click_origin(body), self._catalog.products
        self._mutes.set(origin, [name for name in _selected(body) if name in products])
        self._homes.publish(origin)

    def find(self, body: Body) -> Sequence[Block]:
        """List the products that match the typed text."""
        typed, origin = normalize(read_text(body, "value")), read_click_origin(body)
        return [option(name) for name in self._catalog.search(typed, origin)[:MOST_OPTIONS]]


def _selected(body: Body) -> list[str]:
    """The values of a select of several options."""
    actions: Sequence[Mapping[str, Any]] = body.get("actions") or [{}]
    options = actions[0].get("selected_options") or []
    return [value for each in options if isinstance(value := each.get("value"), str)]


def _drop_answer(_body: Body, _answer: Payload) -> None:
    """Drop the error: the Home tab shows the muted products."""
