"""Opens and closes platforms: engines with their changes, which most commands do not need."""

import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from functools import partial
from importlib import import_module
from threading import Thread

from engine.adapters.store import SqlStore
from engine.adapters.store.adoption import adopt_changes
from engine.api import Engine
from engine.bootstrap.clock import clock_of
from engine.bootstrap.deliveries import deliver_webhooks
from engine.bootstrap.engine import ACTING, keeps_changes, open_engine
from engine.bootstrap.identity import local_operator
from engine.bootstrap.observability import ProductMetrics
from engine.bootstrap.opened_product import OpenedProduct
from engine.bootstrap.reload import Reloader, explain_failure
from engine.bootstrap.shared import Shared, open_shared
from engine.bootstrap.state import changes_database, outbox_tables, wakeups_of
from engine.changes.memberships import People
from engine.changes.sweeper import Workplace
from engine.changes.worker import THREADS_OF_PRODUCT, Pace, Worker
from engine.config import Config, Installation, ProductChoice, ServerConfig
from engine.domain.change import Change
from engine.domain.deployments import Deployment
from engine.domain.errors import ConfigError, PromotionError
from engine.domain.operator import Operator
from engine.domain.product import UNNAMED
from engine.platform import Platform, Products
from engine.ports.change_store import ChangeStore
from engine.ports.telemetry import Metrics
from engine.runtime.database import Database

_THREADS_OF_SERVER = 64


@contextmanager
def open_products(
    configs: Mapping[str, Config],
    metrics: Metrics,
    *,
    several: bool,
    broken: Mapping[str, PromotionError] | None = None,
    server: ServerConfig | None = None,
    read: Callable[[], Installation] | None = None,
) -> Iterator[Products]:
    """
    Open all products of a server, which share their state.

    One of `several` that cannot be opened is broken, like those in `broken`, and does not affect
    the others. Raises ConfigError if the only one cannot be opened, or none of them. `read` reads
    the files again for a reload, and `server` is the content of the server file now.
    """
    unusable, opened = dict(broken or {}), dict[str, OpenedProduct]()
    if not configs:
        raise next(iter(unusable.values()), ConfigError("the server file lists no product"))
    with ExitStack() as stack:
        first = next(iter(configs.values()))
        shared = stack.enter_context(open_shared(first, several=several, metrics=metrics))
        people = People((server or first).identity)
        open_one = partial(_open_product, metrics, shared, people, stack)
        for name, config in configs.items():
            try:
                opened[name] = open_one(config)
            except PromotionError as error:
                if not several:
                    raise
                unusable[name] = error
        if several:
            _refuse_unnamed(shared.state, first)
        if not opened:
            raise next(iter(unusable.values()))
        products = _products(opened, shared.state, people, several, unusable)
        if read is not None:
            stack.callback(_reloads(products, opened, server or first, read, open_one).stop)
        opened.clear()  # Nothing keeps a version that a reload replaces.
        yield products


def _open_product(
    metrics: Metrics, shared: Shared, people: People, stack: ExitStack, config: Config
) -> OpenedProduct:
    """Open a product until nothing uses its engine any more, at the latest until `stack` closes."""
    if shared.several:
        metrics = ProductMetrics(metrics, config.product)
    explained = explain_failure(config.product) if shared.several else nullcontext()
    with explained, ExitStack() as own:
        engine = own.enter_context(open_engine(config, metrics=metrics, served=True, shared=shared))
        opened = OpenedProduct(config, engine, shared.state, people)
        closes = own.pop_all().close
    stack.callback(closes)
    if shared.several:
        # Every request and every change at work holds the runner.
        weakref.finalize(engine.runner, _start, closes).atexit = False
    return opened


def _reloads(
    products: Products,
    opened: Mapping[str, OpenedProduct],
    server: ServerConfig,
    read: Callable[[], Installation],
    open_one: Callable[[Config], OpenedProduct],
) -> Reloader:
    configs = {name: each.config for name, each in opened.items()}
    reloader = Reloader(products, configs, server, read, partial(_reopen, open_one, products))
    products.reload = reloader.reload
    return reloader


def _reopen(
    open_one: Callable[[Config], OpenedProduct], products: Products, config: Config
) -> tuple[Workplace, Platform]:
    opened = open_one(config)
    return opened.workplace, opened.platform(products.worker, products.wakeups)


def _start(work: Callable[[], None]) -> None:
    # Closing may wait, and the last use can end in any thread.
    Thread(target=work, name="floe-closing", daemon=True).start()


@contextmanager
def open_platform(config: Config, engine: Engine) -> Iterator[Platform]:
    """Open the platform: `engine`, and its changes from the state directory."""
    with closing(changes_database(config)) as state:
        people = People(config.identity)
        opened = {config.product: OpenedProduct(config, engine, state, people)}
        yield _products(opened, state, people, False, {})[config.product]


def _refuse_unnamed(state: Database, config: Config) -> None:
    """Refuse to leave changes without a worker: those of the manifest that was here before."""
    if opened := len(SqlStore(state, clock_of(config), product=UNNAMED).open()):
        raise ConfigError(
            f"{opened} open changes belong to no product, because one manifest was served with "
            "this state: say which product they belong to with floe state adopt PRODUCT"
        )


def adopt_state(config: Config) -> int:
    """Give the changes of the manifest that was served before to the product of `config`."""
    if (outbox := outbox_tables(config)).exists():
        import_module("engine.adapters.webhooks").adopt_deliveries(outbox, config.product)
    with closing(changes_database(config)) as database:
        return adopt_changes(database, config.product)


def _products(
    opened: Mapping[str, OpenedProduct],
    state: Database,
    people: People,
    several: bool,
    broken: Mapping[str, PromotionError],
) -> Products:
    """Let one worker work for all the opened products."""
    first = next(iter(opened.values()))
    store: ChangeStore = SqlStore(state, first.engine.runner.clock)
    places = {name: each.workplace for name, each in opened.items()}
    # Without wakeups, servers that share a database poll it less often than a file.
    pace = Pace(poll=1.0) if first.config.state_url else Pace()
    wakeups = wakeups_of(first.config)
    worker = Worker(
        places,
        store,
        first.engine.runner.clock,
        # Products may be added while the server runs.
        threads=_THREADS_OF_SERVER if several else THREADS_OF_PRODUCT,
        pace=pace,
        wakeups=wakeups,
        deliver=partial(deliver_webhooks, places),
    )
    platforms = {name: each.platform(worker, wakeups) for name, each in opened.items()}
    return Products(
        platforms, store, worker, people, several=several, wakeups=wakeups, broken=broken
    )


@contextmanager
def open_command_platform(
    manifest: ProductChoice, needs: Sequence[str] = ACTING
) -> Iterator[tuple[Platform, Operator]]:
    """
    Open the platform of a command about changes, and resolve its operator.

    `needs` is as for `open_engine`. ConfigError if no changes are stored here.
    """
    config = manifest.load(os.environ)
    if not keeps_changes(config):
        raise ConfigError(
            f"Changes are kept in {config.state_dir}, which does not exist here: run this in the "
            "directory that has it, or set FLOE_SERVER to the server that stores the changes"
        )
    with open_engine(config, needs=needs) as engine, open_platform(config, engine) as platform:
        yield platform, local_operator(config, engine)


def changes_in_flight(config: Config, engine: Engine) -> tuple[Change, ...]:
    """List the open changes that are stored here, oldest first, without creating a store."""
    return stored_state(config, engine)[0]


def stored_state(
    config: Config, engine: Engine
) -> tuple[tuple[Change, ...], Mapping[str, tuple[Deployment, ...]]]:
    """Read the open changes as above, and the last reports of deployments by environment."""
    if not changes_database(config, kept=0).exists():
        return (), {}
    with open_platform(config, engine) as platform:
        now = engine.now()
        changes = tuple(change for change in platform.store.open() if not change.overdue(now))
        return changes, platform.deployments.all()
