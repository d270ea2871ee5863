"""Locks one environment of several products side by side, and unlocks it again."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from bot.blocks.elements import Payload, mention
from bot.blocks.ephemeral import note
from bot.blocks.group_lock import Part, PartState, render_group_lock
from bot.catalog import Catalog
from bot.group_lock_store import GroupLock, GroupLockStore, Undo
from bot.identity import IdentityLookupError, SlackIdentities
from bot.inbox import Action, Origin
from bot.lock_actions import refuse
from bot.message_store import DesiredMessage, MessageStore
from bot.outbox import Outbox
from bot.thread_pool import PoolLoop, log_failure
from engine.domain.errors import (
    AuthorizationError,
    ConflictError,
    EnvironmentLockedError,
    PromotionError,
    UnavailableError,
    UsageError,
)
from engine.domain.operator import Operator
from engine.domain.parsing import parse_lock_request, parse_unlock_request
from engine.domain.product import with_product
from engine.domain.record import LockRecord
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS

_log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_RETRY_SECONDS = 10.0
# After an hour, a lock that could not be taken would surprise people.
_MOST_TRIES = 360
# One thread per product: a dead registry holds its threads for long.
_AT_ONCE = 256
_RETRIED = (UnavailableError, ConflictError, IdentityLookupError)


class GroupLocks:
    """
    Works on the stored locks in the background, of every product at the same time.

    A product whose registry does not answer is tried again, and the message says so.
    """

    def __init__(
        self,
        catalog: Catalog,
        identities: SlackIdentities,
        locks: GroupLockStore,
        messages: MessageStore,
        outbox: Outbox,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._catalog = catalog
        self._identities = identities
        self._locks = locks
        self._messages = messages
        self._outbox = outbox
        self._leads = leads
        self._lock = threading.Lock()
        self._running: set[tuple[str, str]] = set()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="floe-slack-group-lock")
        self._loop = PoolLoop(
            "floe-slack-locks",
            self._look,
            "locks of products cannot be read",
            poll=_POLL_SECONDS,
            retry=1,
            pool=self._pool,
        )

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        """Finish running locks; the next start continues with the others."""
        self._loop.stop()

    def lock(self, action: Action) -> Payload | None:
        """Lock the environment of every product that has it and that the person may lock."""
        origin, target = action.origin, action.argument("target")
        operator = self._identities.resolve(origin)
        allowed, _ = self._catalog.lockable(origin, target)
        if not allowed:
            raise AuthorizationError(f"you may not lock {target} of any product")
        lock = GroupLock(
            action.trace_id,
            target,
            action.argument("duration"),
            action.argument("reason"),
            mention(operator.name, operator.id),
            replace(origin, response_url=None),
        )
        self._locks.add(lock, allowed)
        self.show(lock.id)
        self._loop.wake()
        channel = self._channel(lock)
        return None if channel else note(f"*Locking {target}* of {', '.join(allowed)}.")

    def unlock(self, action: Action) -> Payload | None:
        """End those locks of a lock of several products that the person may end."""
        operator = self._identities.resolve(action.origin)
        lock = self._locks.get(action.argument("lock"))
        if lock is None:
            raise UsageError("this lock is no longer known: unlock each product")
        products = [part.product for part in self._locks.parts(lock.id)]
        allowed = [name for name in products if self._may_undo(lock, name, action.origin, operator)]
        if not allowed:
            raise AuthorizationError(f"you may not unlock {lock.target} of any of these products")
        undo = Undo(replace(action.origin, response_url=None), action.argument("reason"))
        self._locks.undo(lock.id, allowed, undo)
        self.show(lock.id)
        self._loop.wake()
        return None

    def _may_undo(self, lock: GroupLock, product: str, origin: Origin, operator: Operator) -> bool:
        """Whether a person may end the lock of `product`: they took it, or may take it."""
        if (origin.user, origin.team) == (lock.origin.user, lock.origin.team):
            return True
        platform = self._catalog.products.get(product)
        if platform is None or lock.target not in platform.engine.path.names:
            return False
        return platform.may_lock(operator, lock.target)

    def _look(self) -> float:
        if self._leads():
            for lock_id, parts in self._locks.due().items():
                self._start(lock_id, parts)
        return _POLL_SECONDS

    def _start(self, lock_id: str, parts: Sequence[Part]) -> None:
        """Start the parts that do not run yet; one request to Slack says who asked."""
        lock = self._locks.get(lock_id)
        with self._lock:
            idle = [part for part in parts if (lock_id, part.product) not in self._running]
        if lock is None or not idle:
            return
        by_origin: defaultdict[Origin, list[Part]] = defaultdict(list)
        for part in idle:
            undone = part.state is PartState.UNLOCKING
            by_origin[lock.undone[part.product].origin if undone else lock.origin].append(part)
        for origin, started in by_origin.items():
            try:
                operator = self._identities.resolve(origin)
            except PromotionError as error:
                for part in started:
                    self._fail(lock, part, error)
                self.show(lock.id)
                continue
            for part in started:
                attempt = self._take if part.state is PartState.LOCKING else self._release
                self._submit(lock, part, partial(attempt, lock, part, operator))

    def _submit(self, lock: GroupLock, part: Part, attempt: Callable[[], None]) -> None:
        key = (lock.id, part.product)
        with self._lock:
            self._running.add(key)

        def work() -> None:
            try:
                attempt()
            except PromotionError as error:
                self._fail(lock, part, error)
            finally:
                with self._lock:
                    self._running.discard(key)
            self.show(lock.id)

        self._pool.submit(work).add_done_callback(log_failure)

    def _take(self, lock: GroupLock, part: Part, operator: Operator) -> None:
        platform = self._catalog.products.named(part.product)
        request = parse_lock_request(
            platform.engine.path,
            lock.target,
            operator,
            trace_id(),
            lock.reason,
            lock.duration or None,
        )
        result = platform.engine.run(request, NO_PROGRESS)
        record = result.record
        at = record.locked_at.isoformat() if isinstance(record, LockRecord) else None
        if isinstance(result.error, EnvironmentLockedError):
            # An attempt may have taken the lock although its result was lost.
            [row] = platform.engine.status(lock.target)
            held = row.lock
            if held and held.reason == lock.reason and held.operator in operator.identities:
                at = held.at.isoformat() if held.at else None
        if result.error and at is None:
            refuse(result)
        self._locks.move(lock.id, part, PartState.LOCKED, locked_at=at)

    def _release(self, lock: GroupLock, part: Part, operator: Operator) -> None:
        platform, undo = self._catalog.products.named(part.product), lock.undone[part.product]
        # Rights may have changed since the request, and without a lock the engine judges none.
        if not self._may_undo(lock, part.product, undo.origin, operator):
            raise AuthorizationError(f"{operator.name} may not unlock {lock.target}")
        [row] = platform.engine.status(lock.target)
        if row.error:
            raise row.error
        held = row.lock
        if held is None or held.at is None:
            self._locks.move(lock.id, part, PartState.UNLOCKED)
        elif part.locked_at != held.at.isoformat():
            why = f"locked by {held.operator}: {held.reason}"
            self._locks.move(lock.id, part, PartState.KEPT, why)
        else:
            request = parse_unlock_request(
                platform.engine.path, lock.target, operator, trace_id(), undo.reason
            )
            refuse(platform.engine.run(request, NO_PROGRESS))
            self._locks.move(lock.id, part, PartState.UNLOCKED)

    def _fail(self, lock: GroupLock, part: Part, error: PromotionError) -> None:
        """Try again later where the registry did not answer; otherwise say why it is refused."""
        said = with_product(str(error), part.product)
        if isinstance(error, _RETRIED) and part.tries < _MOST_TRIES:
            why = f"is tried again: {said}"
            self._locks.move(lock.id, part, part.state, why, pause=_RETRY_SECONDS)
            return
        _log.info("%s of %s: %s", part.state, part.product, error)
        if part.state is PartState.LOCKING:
            self._locks.move(lock.id, part, PartState.REFUSED, said)
        else:
            # A lock that was not taken yet is taken after all.
            state = PartState.LOCKED if part.locked_at else PartState.LOCKING
            self._locks.move(lock.id, part, state, f"not unlocked: {said}")

    def show(self, lock_id: str) -> None:
        """Bring the message about a lock up to date."""
        lock = self._locks.get(lock_id)
        channel = self._channel(lock) if lock else None
        if lock is None or channel is None:
            return
        # Of two threads, the one that read the older state must not write last.
        with self._locks.transaction():
            parts = self._locks.parts(lock_id)
            payload = render_group_lock(lock_id, lock.target, lock.by, lock.reason, parts)
            ended = all(p.state not in (PartState.LOCKING, PartState.UNLOCKING) for p in parts)
            message = DesiredMessage(
                f"grouplock:{lock_id}", payload, thread=lock.origin.thread, urgent=ended
            )
            self._messages.ensure(channel, message)
        self._outbox.wake()

    def _channel(self, lock: GroupLock) -> str | None:
        return lock.origin.channel or self._catalog.channel
