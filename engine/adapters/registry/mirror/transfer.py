"""Sends missing blobs from source to target: in parallel, as streams."""

import logging
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from threading import Event

from engine.adapters.registry.digest_check import check_stream
from engine.adapters.registry.mirror.side import Side
from engine.domain.errors import ContentMissingError, PromotionError, RegistryUnavailableError
from engine.domain.manifest import Descriptor

_log = logging.getLogger(__name__)


def send_blobs(source: Side, target: Side, named: Iterable[Descriptor], pool: Executor) -> int:
    """
    Send the blobs in `named` that `target` lacks from `source`; return the number of bytes sent.
    The first error ends all transfers, and is raised.
    """
    # Large ones first, so that the last transfers are short.
    ordered = sorted(named, key=lambda each: each.size, reverse=True)
    transfer = _Transfer(source, target)
    sending = [pool.submit(transfer.attempt, each) for each in ordered]
    try:
        wait(sending, return_when=FIRST_EXCEPTION)
    finally:
        transfer.stop.set()
        for each in sending:
            each.cancel()
        # Running transfers end at their next piece, or at their timeout.
        wait(sending)
    if transfer.first_error is not None:
        raise transfer.first_error
    return sum(each.result() for each in sending)


@dataclass
class _Transfer:
    """Parallel transfers; the `first_error` stops all of them."""

    source: Side
    target: Side
    stop: Event = field(default_factory=Event)
    first_error: PromotionError | None = None

    def attempt(self, named: Descriptor) -> int:
        if self.stop.is_set():
            return 0
        try:
            return self._send(named)
        except PromotionError as error:
            # Stops before the next transfer starts, so that a hanging registry costs one timeout.
            if not self.stop.is_set():
                self.first_error = error
                self.stop.set()
            raise

    def _send(self, named: Descriptor) -> int:
        source, target = self.source, self.target
        if target.holds_blob(named):
            return 0
        if _mount(source, target, named):
            return 0
        try:
            with ExitStack() as streams:
                # Closed here in any case, since the target may stop reading early.
                target.store(named, lambda: streams.enter_context(closing(self._pieces(named))))
        except ContentMissingError:
            if not named.is_foreign:
                raise
            _log.info("%s is a foreign layer: not copied", named.digest)
            return 0
        _log.info("copied %s to %s: %d bytes", named.digest, target.reference, named.size)
        return named.size

    def _pieces(self, named: Descriptor) -> Generator[bytes, None, None]:
        with self.source.open(named) as pieces:
            for piece in check_stream(named.digest, named.size, pieces, self.source.reference):
                if self.stop.is_set():
                    raise RegistryUnavailableError(f"the copy of {named.digest} was stopped")
                yield piece


def _mount(source: Side, target: Side, named: Descriptor) -> bool:
    if source.place is None or target.place is None or source.place[0] != target.place[0]:
        return False
    return target.mount(named, source.place[1])
