"""Locks environments of several products side by side."""

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from engine.domain.errors import AuthorizationError, PromotionError, UsageError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_lock_request
from engine.domain.product import qualified
from engine.domain.request import LockRequest
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from web.authentication import visible_sites
from web.site import NoSuchPageError, Site

_AT_ONCE = 32
# For how long the page waits; locks that take longer are still taken.
_PATIENCE_SECONDS = 15.0


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

    Of several places, those are locked that `person` may lock. AuthorizationError if there is none,
    and UsageError for an invalid duration, reason or environment: then nothing is locked.
    """
    requests = _requests(person, product, environment, reason, duration)
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="floe-web-lock")
    running = {pool.submit(_lock, site, each): (site, each) for site, each in requests}
    done, _ = wait(running, patience_seconds)
    pool.shutdown(wait=False)
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


def _requests(
    person: Operator, product: str, environment: str, reason: str, duration: str | None
) -> list[tuple[Site, LockRequest]]:
    """Return the locks that `person` may take."""
    found = [
        (site, parse_lock_request(path, name, person, trace_id(), reason, duration))
        for site in _sites(product)
        for path in [site.platform.engine.path]
        for name in ([environment] if environment else path.names)
        if not environment or environment in path.names
    ]
    if not found:
        raise UsageError(f"No product has the environment '{printable(environment)}'")
    allowed = [each for each in found if each[0].platform.may_lock(person, each[1].target)]
    if not allowed:
        raise AuthorizationError(
            f"Unauthorized: '{person.name}' may not lock {environment or 'any environment'} of "
            f"{product or 'any product'}. Have them added to identity.lockers"
        )
    return allowed


def _sites(product: str) -> tuple[Site, ...]:
    sites = visible_sites()
    if not product:
        return tuple(sites.values())
    if product not in sites:
        raise NoSuchPageError(f"Product '{product}' does not exist")
    return (sites[product],)


def _lock(site: Site, request: LockRequest) -> PromotionError | None:
    """Take a lock, and return why it was not taken."""
    try:
        result = site.platform.engine.run(request, NO_PROGRESS)
        if result.error is not None:
            site.platform.refused(result.plan)
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
