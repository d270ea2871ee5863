"""Finds products and versions in the App Home, and shows the chosen one."""

from collections.abc import Sequence

from bot.blocks.elements import Block, View, escape, join_lines
from bot.blocks.home import loading_modal
from bot.blocks.status import change_line
from bot.catalog import Catalog
from bot.inbox import Origin
from bot.modal_inputs import MOST_OPTIONS, option
from bot.modal_opener import ModalOpener
from bot.modals import message_modal, status_modal
from bot.payloads import Body, read_action_value, read_click_origin, read_text, read_trigger
from bot.slack_text import normalize
from bot.status_actions import StatusActions
from engine.domain.errors import PromotionError

# The newest changes, in which versions are found without a request to a registry.
_RECENT = 500
# Slack's limit for the value of an option.
_VALUE = 150


class HomeSearch:
    def __init__(self, catalog: Catalog, opener: ModalOpener, status: StatusActions) -> None:
        self._catalog = catalog
        self._opener = opener
        self._status = status

    def find(self, body: Body) -> Sequence[Block]:
        """List the products, then the versions, that match the typed text."""
        typed, origin = normalize(read_text(body, "value")), read_click_origin(body)
        found = self._catalog.search(typed, origin)
        visible = self._catalog.visible(origin)
        for change in self._catalog.products.store.recent(_RECENT):
            if typed.casefold() in change.version.casefold() and change.product in visible:
                found.append(f"{change.product} {change.version}")
        values = [value for value in dict.fromkeys(found) if value and len(value) <= _VALUE]
        return [option(value) for value in values[:MOST_OPTIONS]]

    def show(self, body: Body) -> None:
        """Open the status of the chosen product, or the changes of the chosen version."""
        origin, chosen = read_click_origin(body), read_action_value(body)
        trigger = read_trigger(body, origin)
        self._opener.open(trigger, loading_modal(chosen), lambda: self._view(origin, chosen))

    def _view(self, origin: Origin, chosen: str) -> View:
        product, _, version = chosen.partition(" ")
        try:
            if not version:
                return status_modal(product, self._status.status(origin, product))
            return message_modal(chosen, self._changes(origin, product, version))
        except PromotionError as error:
            return message_modal(chosen, f"*Not shown:* {escape(str(error), 2000)}")

    def _changes(self, origin: Origin, product: str, version: str) -> str:
        if product not in self._catalog.visible(origin):
            return "There is no change of this version."
        rendering = self._catalog.rendering(product)
        found = (
            change_line(change, rendering)
            for change in self._catalog.products.store.recent(_RECENT)
            if (change.product, change.version) == (product, version)
        )
        return join_lines(found, 2900) or "There is no change of this version."
