"""Locks environments of several products side by side."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import compress, count
from operator import not_
from typing import Any

from engine.domain.errors import AuthorizationError, PromotionError, UsageError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_lock_request
from engine.domain.product import qualified
from engine.domain.request import LockRequest
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from web.authentication import visible_sites
from web.concurrency_limit import Kind, limit_concurrency
from web.site import NoSuchPageError, Site

_log = logging.getLogger(__name__)
_AT_ONCE = 32
# For how long the page waits; locks that take longer are still taken.
_PATIENCE_SECONDS = 15.0

Lock = tuple[Site, LockRequest]


@dataclass(frozen=True)
class Locking:
    """
    The places (`checkout/prod`) that are locked, why others are not, and those that may be locked
    later, because their registries are slow.
    """

    locked: tuple[str, ...]
    failed: tuple[str, ...]
    unknown: tuple[str, ...]


def lock_many(
    person: Operator,
    product: str,
    environment: str,
    reason: str,
    duration: str | None,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> Locking:
    """
    Lock `environment`, or all if it is empty, of `product`, or of all if that is empty.

    Of several places, those are locked that `person` may lock; the ledgers of the others record a
    refusal. AuthorizationError if there is none, UsageError for an invalid duration, reason or
    environment, and BusyError while other locks wait for slow registries: then nothing is locked.
    """
    found = _requests(person, product, environment, reason, duration)
    may = [site.platform.may_lock(person, each.target) for site, each in found]
    # The engine judges a single place, and says why it is not locked.
    locks = found if len(found) == 1 else list(compress(found, may))
    others = list(compress(found, map(not_, may))) if len(found) > 1 else []
    # People without rights delay no lock of others.
    running = _start("lock" if any(may) else "operation", locks, others)
    if not locks:
        raise AuthorizationError(
            f"Unauthorized: '{person.name}' may not lock {environment or 'any environment'} of "
            f"{product or 'any product'}. Have them added to identity.lockers"
        )
    done, _ = wait(running, patience_seconds)
    places = {
        future: qualified(site.platform.product, each.target)
        for future, (site, each) in running.items()
    }
    ended = {place: future.result() for future, place in places.items() if future in done}
    return Locking(
        locked=tuple(place for place, error in ended.items() if error is None),
        failed=tuple(f"{place}: {error}" for place, error in ended.items() if error is not None),
        unknown=tuple(place for future, place in places.items() if future not in done),
    )


def _start(
    kind: Kind, locks: Sequence[Lock], others: Sequence[Lock]
) -> dict[Future[PromotionError | None], Lock]:
    """
    Take `locks` in threads, and record that the `others` are refused.

    They are one long request until the last thread ends.
    """
    with ExitStack() as entered:
        entered.enter_context(limit_concurrency(kind))
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="floe-web-lock")
        running = {pool.submit(_lock, *each): each for each in locks}
        started: list[Future[Any]] = [*running]
        started += [pool.submit(_refuse, *each) for each in others]
        pool.shutdown(wait=False)
        place = entered.pop_all()
    ended = count(1)

    def leave(_: Future[Any]) -> None:
        if next(ended) == len(started):
            place.close()

    for future in started:
        future.add_done_callback(leave)
    return running


def _requests(
    person: Operator, product: str, environment: str, reason: str, duration: str | None
) -> list[Lock]:
    """Return the locks that the form asks for."""
    found = [
        (site, parse_lock_request(path, name, person, trace_id(), reason, duration))
        for site in _sites(product)
        for path in [site.platform.engine.path]
        for name in ([environment] if environment else path.names)
        if not environment or environment in path.names
    ]
    if not found:
        raise UsageError(f"No product has the environment '{printable(environment)}'")
    return found


def _sites(product: str) -> tuple[Site, ...]:
    sites = visible_sites()
    if not product:
        return tuple(sites.values())
    if product not in sites:
        raise NoSuchPageError(f"Product '{product}' does not exist")
    return (sites[product],)


def _refuse(site: Site, request: LockRequest) -> None:
    """Record that a lock was refused."""
    try:
        site.platform.engine.refused(site.platform.engine.plan(request, NO_PROGRESS))
    except PromotionError as error:
        _log.info("refused lock of %s not recorded: %s", request.target, error)
    site.records.wake()


def _lock(site: Site, request: LockRequest) -> PromotionError | None:
    """Take a lock, and return why it was not taken."""
    try:
        result = site.platform.engine.run(request, NO_PROGRESS)
        site.records.wake()
        _show(site, request.target)
    except PromotionError as error:
        return error
    return result.error


def _show(site: Site, environment: str) -> None:
    """Have the next page show the lock, although a reading may have started before it."""
    for _ in range(2):
        row = site.board.refresh().row(environment)
        if row is None or row.lock:
            return
