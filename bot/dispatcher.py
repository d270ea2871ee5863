"""Accepts actions from listeners at once and runs them in a few threads."""

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bot.blocks.elements import Payload
from bot.blocks.ephemeral import refusal
from bot.database import BotStore
from bot.ephemeral import EphemeralStore
from bot.identity import SlackUnreachableError
from bot.inbox import MOST_TRIES, Action, Inbox, Origin
from bot.outbox import Outbox
from bot.thread_pool import log_failure
from engine.bootstrap.leader import Leader
from engine.domain.errors import PromotionError
from engine.runtime.background import keep_running
from engine.runtime.wakeups import Topic

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 5.0
_POLL_SECONDS = 0.5
Handler = Callable[[Action], Payload | None]


class Dispatcher:
    """
    Runs every accepted action once, with at most one answer.

    This holds if Slack delivers the action again and if floe stops while the action runs.
    """

    def __init__(
        self,
        store: BotStore,
        inbox: Inbox,
        ephemerals: EphemeralStore,
        outbox: Outbox,
        handle: Handler,
        leader: Leader | None = None,
        threads: int = 8,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._ephemerals = ephemerals
        self._outbox = outbox
        self._handle = handle
        self._leader = leader or Leader(None)
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="floe-slack-dispatch")
        self._poller = threading.Thread(target=self._poll, name="floe-slack-inbox", daemon=True)

    def start(self) -> None:
        """Continue with the actions accepted before the last stop, and by other servers."""
        if self._leader.shared:
            self._leader.wakeups.subscribe(Topic.INBOX, self._awake.set)
            self._poller.start()
        else:
            self._submit_pending()

    def stop(self) -> None:
        """Finish running actions; the others stay in the inbox."""
        self._stopping.set()
        self._awake.set()
        if self._poller.is_alive():
            self._poller.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def accept(self, action: Action) -> bool:
        """
        Store `action` durably and run it, here or on the server that leads; False if Slack
        delivered it before.

        Raises StoreUnavailableError if it cannot be stored; it is not run then.
        """
        # The clocks of the servers may differ, and changes are ordered by the times of requests.
        action = replace(action, at=self._store.now())
        if not self._inbox.accept(action):
            return False
        if self._leader.leads():
            self._submit(action)
        return True

    def run_in_background(self, work: Callable[[], None]) -> None:
        """Run `work`, which is lost in a crash."""
        self._pool.submit(work).add_done_callback(log_failure)

    def notify(self, origin: Origin, payload: Payload) -> None:
        """Send a message that only one person sees."""
        self._ephemerals.add(f"told:{secrets.token_hex(8)}", origin, payload)
        self._outbox.wake()

    def _poll(self) -> None:
        """Run the actions that other servers accepted."""
        while not self._stopping.is_set():
            pause = _POLL_SECONDS
            with keep_running("the inbox cannot be read", self._stopping.wait, _PAUSE_SECONDS):
                if self._leader.leads() and not self._submit_pending():
                    pause = self._leader.wakeups.pause(_POLL_SECONDS)
            self._awake.wait(pause)
            self._awake.clear()

    def _submit_pending(self) -> bool:
        """Run the accepted actions; return whether there are any."""
        pending = self._inbox.pending()
        for action in pending:
            self._submit(action)
        return bool(pending)

    def _submit(self, action: Action) -> None:
        """Run `action` in another thread, unless it runs already."""
        with self._lock:
            if action.key in self._running:
                return
            self._running.add(action.key)
        try:
            self._pool.submit(self._work, action).add_done_callback(log_failure)
        except RuntimeError:
            _log.info("floe is stopping: %s is stored for the next start", action.kind)

    def _work(self, action: Action) -> None:
        try:
            # Again: the action may have waited for a thread. Another server runs it then.
            if self._leader.leads():
                self._attempt(action)
            self._forget(action)
        except PromotionError as error:
            # The store or Slack failed. The action stays in the inbox, where a restart or another
            # server finds it.
            _log.error("%s is retried: %s", action.kind, error)
            asked = error.seconds if isinstance(error, SlackUnreachableError) else 0.0
            pause = max(self._outbox.timing.action, asked)
            retry = threading.Timer(pause, self._retry, [action])
            retry.daemon = True
            retry.start()
        self._outbox.wake()

    def _attempt(self, action: Action) -> None:
        attempt = self._inbox.start_attempt(action)
        if attempt is None:
            return
        answer = self._run(attempt)
        with self._store.transaction():
            # Only the latest attempt answers: it knows the effects of the others.
            if self._inbox.finish(attempt) and answer is not None:
                self._ephemerals.add(action.key, action.origin, answer)

    def _retry(self, action: Action) -> None:
        self._forget(action)
        self._submit(action)

    def _forget(self, action: Action) -> None:
        with self._lock:
            self._running.discard(action.key)

    def _run(self, action: Action) -> Payload | None:
        if action.tries > MOST_TRIES:
            return refusal("Not done", f"it was tried {MOST_TRIES} times, and did not finish")
        try:
            return self._handle(action)
        except SlackUnreachableError:
            raise
        except Exception:  # noqa: BLE001 - the last chance to answer
            # The outermost handler: the requester gets an answer after any error.
            incident = secrets.token_hex(4)
            _log.exception("%s failed unexpectedly (%s)", action.kind, incident)
            return incident_refusal(incident)


def incident_refusal(incident: str) -> Payload:
    return refusal(
        "Not done",
        f"an unexpected error occurred in floe (incident {incident})",
        "Check the status of the environments before you try again, and report the incident.",
    )
