"""Blobs from one side to the other: only what is missing, several at once, none of them held."""

import logging
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from threading import Event

from engine.adapters.registry.digest_check import checked
from engine.adapters.registry.mirror.side import Side
from engine.domain.errors import ContentMissingError, PromotionError, RegistryUnavailableError
from engine.domain.manifest import Descriptor

_log = logging.getLogger(__name__)


def send_blobs(source: Side, target: Side, named: Iterable[Descriptor], pool: Executor) -> int:
    """
    Have `target` hold every blob in `named`, sent from `source` where it does not yet; returns
    the number of bytes sent. The first error ends all transfers, and is raised.
    """
    # The large ones first: what is begun last should not take longest.
    ordered = sorted(named, key=lambda each: each.size, reverse=True)
    transfer = _Transfer(source, target)
    sending = [pool.submit(transfer.attempt, each) for each in ordered]
    try:
        wait(sending, return_when=FIRST_EXCEPTION)
    finally:
        transfer.stop.set()
        for each in sending:
            each.cancel()
        # What is under way sees `stop` at its next piece, or its time-out.
        wait(sending)
    if transfer.first is not None:
        raise transfer.first
    return sum(each.result() for each in sending)


@dataclass
class _Transfer:
    """Blobs on their way together: the `first` error of one stops all of them."""

    source: Side
    target: Side
    stop: Event = field(default_factory=Event)
    first: PromotionError | None = None

    def attempt(self, named: Descriptor) -> int:
        if self.stop.is_set():
            return 0
        try:
            return self._send(named)
        except PromotionError as error:
            # Before anybody else begins: a registry that hangs is not asked for every blob.
            if not self.stop.is_set():
                self.first = error
                self.stop.set()
            raise

    def _send(self, named: Descriptor) -> int:
        source, target = self.source, self.target
        if target.holds_blob(named):
            return 0
        if _mounted(source, target, named):
            return 0
        try:
            with ExitStack() as begun:
                # Closed here whatever becomes of them: the target may stop reading in the middle.
                target.take(named, lambda: begun.enter_context(closing(self._pieces(named))))
        except ContentMissingError:
            if not named.is_foreign:
                raise
            _log.info("%s is distributed elsewhere: not copied", named.digest)
            return 0
        _log.info("copied %s to %s: %d bytes", named.digest, target.reference, named.size)
        return named.size

    def _pieces(self, named: Descriptor) -> Generator[bytes, None, None]:
        with self.source.opened(named) as pieces:
            for piece in checked(named.digest, named.size, pieces, self.source.reference):
                if self.stop.is_set():
                    raise RegistryUnavailableError(f"the copy of {named.digest} was given up")
                yield piece


def _mounted(source: Side, target: Side, named: Descriptor) -> bool:
    if source.place is None or target.place is None or source.place[0] != target.place[0]:
        return False
    return target.mount(named, source.place[1])
