"""List a ledger entry as a referrer of its artifact."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor as Pool
from threading import Event

from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry
from engine.ports import Leases, Ledger
from engine.ports.registry import Step
from engine.ports.state import REFERRERS_LEASE

_log = logging.getLogger(__name__)


def start_listing(
    pool: Pool, leases: Leases, ledger: Ledger, entry: LedgerEntry, ready: Step, background: bool
) -> Callable[[], None]:
    """
    List `entry` once `ready` returned; returns a function that waits for it.

    With `background`, it waits until the list is written, and the list is read back later.
    """
    listed = Event()
    listing = pool.submit(_attach, leases, ledger, entry, ready, listed.set)
    listing.add_done_callback(lambda _: listed.set())

    def wait() -> None:
        listed.wait()
        if listing.done() or not background:
            listing.result()

    return wait


def _attach(leases: Leases, ledger: Ledger, entry: LedgerEntry, ready: Step, listed: Step) -> None:
    try:
        with leases.hold(REFERRERS_LEASE):
            ledger.attach(entry, ready, listed)
    except PromotionError as error:
        # The change is made and recorded; readers follow the chain if the record is not listed.
        _log.warning("record %s not listed as a referrer: %s", entry.record.id, error)
