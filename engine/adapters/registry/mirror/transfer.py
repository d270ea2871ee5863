"""Blobs from one side to the other: only what is missing, several at once, none of them held."""

import logging
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from contextlib import ExitStack, closing
from threading import Event

from engine.adapters.registry.content import checked
from engine.adapters.registry.mirror.graph import is_foreign
from engine.adapters.registry.mirror.side import Side
from engine.domain.errors import RegistryUnavailableError
from engine.domain.manifest import Descriptor

_log = logging.getLogger(__name__)


def send_blobs(source: Side, target: Side, named: Iterable[Descriptor], pool: Executor) -> int:
    """
    Have `target` hold every blob in `named`, sent from `source` where it does not yet; returns
    the number of bytes sent. The first error ends all transfers, and is raised.
    """
    stop = Event()
    # The large ones first: what is begun last should not take longest.
    ordered = sorted(named, key=lambda each: each.size, reverse=True)
    sending = [pool.submit(_send, source, target, each, stop) for each in ordered]
    try:
        done, _ = wait(sending, return_when=FIRST_EXCEPTION)
        failed = [each for each in done if each.exception() is not None]
        for each in failed:
            each.result()
    finally:
        stop.set()
        for each in sending:
            each.cancel()
        # What is under way sees `stop` at its next piece, or its time-out.
        wait(sending)
    return sum(each.result() for each in sending)


def _send(source: Side, target: Side, named: Descriptor, stop: Event) -> int:
    if target.holds_blob(named):
        return 0
    if is_foreign(named) and not source.holds_blob(named):
        return 0
    if _mounted(source, target, named):
        return 0
    with ExitStack() as begun:
        # Closed here whatever becomes of them: the other side may stop asking in the middle.
        target.take(named, lambda: begun.enter_context(closing(_pieces(source, named, stop))))
    _log.info("copied %s to %s: %d bytes", named.digest, target.reference, named.size)
    return named.size


def _mounted(source: Side, target: Side, named: Descriptor) -> bool:
    if source.place is None or target.place is None or source.place[0] != target.place[0]:
        return False
    return target.mount(named, source.place[1])


def _pieces(source: Side, named: Descriptor, stop: Event) -> Generator[bytes, None, None]:
    with source.opened(named) as pieces:
        for piece in checked(named.digest, named.size, pieces, source.reference):
            if stop.is_set():
                raise RegistryUnavailableError(f"the copy of {named.digest} was given up")
            yield piece
