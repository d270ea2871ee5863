"""Opens modals: within the three seconds Slack gives, from threads that do nothing else."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bot.blocks.elements import View
from bot.blocks.ephemeral import refusal
from bot.dispatcher import Desk
from bot.inbox import Asker
from bot.thread_pool import report
from bot.webapi import SlackApi, SlackTrouble

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trigger:
    """The right to open one modal, and whose it is."""

    id: str = field(repr=False)
    asker: Asker


class Opener:
    def __init__(self, api: SlackApi, desk: Desk) -> None:
        self._api = api
        self._desk = desk
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="floe-slack-modal")

    def start(self) -> None:
        """Nothing is opened before somebody asks."""

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def open(self, trigger: Trigger, view: View, then: Callable[[], View] | None = None) -> None:
        """Open `view` at once; `then` what `then` makes, which may take its time, in its place."""
        self._pool.submit(self._open, trigger, view, then).add_done_callback(report)

    def _open(self, trigger: Trigger, view: View, then: Callable[[], View] | None) -> None:
        try:
            answer = self._api.call("views.open", {"trigger_id": trigger.id, "view": view})
            opened = answer["view"]["id"]
        except (SlackTrouble, KeyError, TypeError) as trouble:
            _log.warning("a modal for %s was not opened: %s", trigger.asker.user, trouble)
            self._desk.tell(
                trigger.asker,
                refusal("Not opened", "Slack did not open the form in time", "Try once more."),
            )
            return
        if then is not None:
            self._desk.soon(lambda: self._replace(trigger, opened, then))

    def _replace(self, trigger: Trigger, view_id: str, then: Callable[[], View]) -> None:
        view = then()
        try:
            self._api.call("views.update", {"view_id": view_id, "view": view})
        except SlackTrouble as trouble:
            # Closed meanwhile, most likely.
            _log.info("a modal of %s was not updated: %s", trigger.asker.user, trouble)
