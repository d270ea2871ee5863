"""The desk between listeners and the engine: accepts at once, works through it in a few threads."""

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bot.blocks.elements import Payload
from bot.blocks.ephemeral import refusal
from bot.database import BotStore
from bot.ephemeral import Answers
from bot.inbox import Asked, Asker, Inbox
from bot.outbox import Outbox
from bot.thread_pool import report
from engine.domain.errors import PromotionError

_log = logging.getLogger(__name__)
_MOST_TRIES = 5
_PAUSE_SECONDS = 5.0
CarryOut = Callable[[Asked], Payload | None]


class Desk:
    """
    Exactly one effect and at most one answer for whatever is accepted, also when it is delivered
    twice or we are ended in the middle.
    """

    def __init__(
        self,
        store: BotStore,
        inbox: Inbox,
        answers: Answers,
        outbox: Outbox,
        carry_out: CarryOut,
        threads: int = 8,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._answers = answers
        self._outbox = outbox
        self._carry_out = carry_out
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="floe-slack-desk")

    def start(self) -> None:
        """Take up what was accepted before."""
        for asked in self._inbox.waiting():
            self._submit(asked)

    def stop(self) -> None:
        """What is under way ends; what was not begun is kept."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def accept(self, asked: Asked) -> bool:
        """
        Durable once this returns. False when it was delivered before: it is done, or being done.
        StoreUnavailableError when it cannot be kept, and so will not be done.
        """
        if not self._inbox.accept(asked):
            return False
        self._submit(asked)
        return True

    def soon(self, work: Callable[[], None]) -> None:
        """Work that nobody misses after a crash."""
        self._pool.submit(work).add_done_callback(report)

    def tell(self, asker: Asker, payload: Payload) -> None:
        """Say something to one person alone."""
        self._answers.give(f"told:{secrets.token_hex(8)}", asker, payload)
        self._outbox.wake()

    def _submit(self, asked: Asked) -> None:
        try:
            self._pool.submit(self._work, asked).add_done_callback(report)
        except RuntimeError:
            _log.info("floe is ending: %s is kept for its next start", asked.kind)

    def _work(self, asked: Asked) -> None:
        try:
            asked = self._inbox.begin(asked)
            answer = self._answered(asked)
            with self._store.transaction():
                if answer is not None:
                    self._answers.give(asked.key, asked.asker, answer)
                self._inbox.finish(asked)
        except PromotionError as error:
            # Our own store: it stays accepted, and is taken up again, by the next start too.
            _log.error("%s is tried again: %s", asked.kind, error)
            again = threading.Timer(_PAUSE_SECONDS, self._submit, [asked])
            again.daemon = True
            again.start()
        self._outbox.wake()

    def _answered(self, asked: Asked) -> Payload | None:
        if asked.tries > _MOST_TRIES:
            return refusal("Not done", f"it was tried {_MOST_TRIES} times and ended floe each time")
        try:
            return self._carry_out(asked)
        except Exception:  # noqa: BLE001 - the last chance to answer
            # The outermost handler: whoever asked is told, whatever it was.
            incident = secrets.token_hex(4)
            _log.exception("%s failed unexpectedly (%s)", asked.kind, incident)
            return unexpected(incident)


def unexpected(incident: str) -> Payload:
    return refusal(
        "Not done",
        f"something unexpected went wrong in floe (incident {incident})",
        "Look at what runs where before you try again, and tell whoever runs floe.",
    )
