"""Opens modals from its own threads, because a trigger id expires after three seconds."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from bot.blocks.elements import View
from bot.blocks.ephemeral import refusal
from bot.dispatcher import Dispatcher
from bot.inbox import Origin
from bot.thread_pool import log_failure
from bot.webapi import SlackApi, SlackCallError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger id, which allows opening one modal, and its user."""

    id: str = field(repr=False)
    origin: Origin


class ModalOpener:
    def __init__(self, api: SlackApi, dispatcher: Dispatcher) -> None:
        self._api = api
        self._dispatcher = dispatcher
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="floe-slack-modal")

    def start(self) -> None:
        """Do nothing: modals are opened on request."""

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def open(
        self,
        trigger: Trigger,
        view: View | Callable[[], View],
        then: Callable[[], View] | None = None,
    ) -> None:
        """Open `view` at once, and replace it by the view that `then` returns later."""
        self._pool.submit(self._open, trigger, view, then).add_done_callback(log_failure)

    def replace(self, shown: Mapping[str, Any], view: View) -> None:
        """Replace the view `shown`, unless it has changed or was closed."""
        arguments = {"view_id": shown.get("id"), "hash": shown.get("hash"), "view": view}
        self._pool.submit(self._update, arguments).add_done_callback(log_failure)

    def _open(
        self,
        trigger: Trigger,
        view: View | Callable[[], View],
        then: Callable[[], View] | None,
    ) -> None:
        shown = view() if callable(view) else view
        try:
            answer = self._api.call("views.open", {"trigger_id": trigger.id, "view": shown})
            opened = answer["view"]["id"]
        except (SlackCallError, KeyError, TypeError) as error:
            _log.warning("a modal for %s was not opened: %s", trigger.origin.user, error)
            self._dispatcher.notify(
                trigger.origin,
                refusal("Not opened", "Slack did not open the form in time", "Try again."),
            )
            return
        if then is not None:
            self._dispatcher.run_in_background(
                lambda: self._update({"view_id": opened, "view": then()})
            )

    def _update(self, arguments: Mapping[str, Any]) -> None:
        try:
            self._api.call("views.update", arguments)
        except SlackCallError as error:
            # The user probably closed it.
            _log.info("a modal was not updated: %s", error)
