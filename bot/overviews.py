"""Collects the products and waiting changes of a person, without waiting for slow registries."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from bot.blocks.home import Waiting
from bot.blocks.overview import Overview, Rows
from bot.catalog import Catalog, may_view
from bot.inbox import Origin
from bot.message_store import MessageStore
from bot.recent_products import RecentProducts
from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.status import EnvironmentStatus
from engine.platform import Platform

_SHOWN = 10
_AT_ONCE = 32
# A person waits: a product that is not read until then is shown without its status.
_PATIENCE_SECONDS = 3.0


class Overviews:
    def __init__(
        self,
        catalog: Catalog,
        messages: MessageStore,
        recent: RecentProducts,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._catalog = catalog
        self._messages = messages
        self._recent = recent
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="floe-slack-status")
        self._reads: dict[str, Future[tuple[EnvironmentStatus, ...]]] = {}

    def start(self) -> None:
        """Do nothing: a status is read when a person asks for it."""

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def of(self, operator: Operator, origin: Origin) -> Overview:
        """The overview for `operator`; only the registries of their products are read."""
        own = list(self._products_of(operator, origin))
        shown = own[:_SHOWN]
        waiting = [*self.waiting(operator)]
        renderings = {
            name: self._catalog.rendering(name)
            for name in dict.fromkeys([*(w.change.product for w in waiting), *map(_name, shown)])
        }
        return Overview(
            waiting,
            self._statuses(shown),
            len(own) - len(shown),
            self._broken(),
            self._catalog.now(),
            self._catalog.commands,
            renderings,
            self._catalog.page,
        )

    def _broken(self) -> list[str]:
        """The products that cannot be used; strangers do not learn their names."""
        products = self._catalog.products
        return (
            [] if self._catalog.members_only else sorted(products.broken.keys() - products.keys())
        )

    def waiting(self, operator: Operator) -> Iterator[Waiting]:
        """The changes that `operator` can approve now."""
        for change in self._catalog.products.store.open():
            if self._awaits(change, operator):
                yield Waiting(change, self._messages.find_link(f"{change.id}:ask"))

    def _awaits(self, change: Change, operator: Operator) -> bool:
        platform = self._catalog.products.get(change.product)
        if platform is None or change.state is not ChangeState.AWAITING_APPROVAL:
            return False
        return may_view(platform, operator) and platform.changes.awaits(change, operator)

    def _products_of(self, operator: Operator, origin: Origin) -> Iterable[Platform]:
        """The products that a person used, then those whose changes they may approve."""
        used = (self._catalog.products.get(name) for name in self._recent.list(origin))
        approved = (each for each in self._catalog if each.may_approve(operator))
        found = (*(each for each in used if each is not None), *approved)
        return {each.product: each for each in found if may_view(each, operator)}.values()

    def _statuses(self, platforms: Iterable[Platform]) -> dict[str, Rows]:
        """Read side by side; a read that still runs is shared, not repeated."""
        reads = {each.product: self._read(each) for each in platforms}
        wait(reads.values(), self._patience_seconds)
        return {name: _rows(read) for name, read in reads.items()}

    def _read(self, platform: Platform) -> "Future[tuple[EnvironmentStatus, ...]]":
        with self._lock:
            running = self._reads.get(platform.product)
            if running is None or running.done():
                running = self._pool.submit(read_rows, platform)
                self._reads[platform.product] = running
            return running


def read_rows(platform: Platform, target: str | None = None) -> tuple[EnvironmentStatus, ...]:
    """The status of every environment, or of `target`, with the version of the newest build."""
    engine = platform.engine
    return engine.versions.add_published(engine.status(target))


def _rows(read: "Future[tuple[EnvironmentStatus, ...]]") -> Rows:
    if not read.done():
        return None
    error = read.exception()
    if error is None:
        return read.result()
    if isinstance(error, PromotionError):
        return error
    raise error


def _name(platform: Platform) -> str:
    return platform.product
