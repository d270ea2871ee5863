"""Open and close the site of the products of a server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial

from flask import Flask

from engine.bootstrap.background import Background
from engine.bootstrap.server import (
    Database,
    clock_of,
    entrance,
    entry_reconciler,
    open_people,
    open_record_tables,
    records_of,
    server_rights,
    shared_secret,
)
from engine.config import ServerConfig
from engine.config.issuers import OidcSignIn
from engine.config.people import NoSignIn
from engine.domain.errors import ConfigError
from engine.domain.names import Names
from engine.platform import Platform, Products
from engine.ports.change_store import Event
from web.app import create_app
from web.audit_runner import Auditor
from web.dora_reader import DoraReader
from web.ended_sessions import EndedSessions
from web.event_feed import Feed
from web.oidc_client import Provider
from web.session_key import session_key
from web.site import Ready, Shared, Site, no_thread, nothing_counted
from web.status_cache import Board

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Each viewer occupies a thread of the server, which sleeps; the others fetch every few seconds.
WATCHERS = 64
_THREADS = 2
# Events of changes that write nothing to a ledger.
_UNWRITTEN = frozenset(
    {
        "submitted",
        "gate_started",
        "gate_finished",
        "checked",
        "awaiting_approval",
        "approved",
        "superseding",
    }
)
# Where there are several products, the limit of requests makes it longer.
_LOOK_SECONDS = 15.0


@contextmanager
def open_web(
    products: Products,
    config: ServerConfig,
    *,
    checks: Mapping[str, Ready] | None = None,
    thread: Callable[[str], str | None] = no_thread,
    metrics: Callable[[], str] = nothing_counted,
    watchers: int = WATCHERS,
    working: bool = True,
) -> Iterator[Flask]:
    """
    Open the app for the duration of the block; `checks`, `thread` and `metrics` as in Shared.
    Without `working` nothing is read in the background. ConfigError if no session key can be kept.
    """
    with ExitStack() as stack:
        tables = stack.enter_context(open_record_tables(config))
        sessions, favourites = open_people(config)
        server = Shared(
            products=products,
            sites={name: _site(tables, each) for name, each in products.items()},
            open_site=partial(_site, tables),
            entrance=stack.enter_context(entrance(config, products.people)),
            web=config.web,
            rights=partial(server_rights, config, products.people),
            secret=shared_secret(config, "session key") or session_key(config.state_dir),
            state_dir=config.state_dir,
            groups=_groups(products),
            ended_sessions=EndedSessions(sessions, products.wakeups),
            favourites=favourites,
            feed=Feed(products.store, products.wakeups, watchers, several=products.several),
            now=clock_of(config).now,
            submit=_pool(stack).submit,
            provider=_provider(config),
            checks=checks or {},
            metrics=metrics,
            thread=thread,
        )
        with _at_work(server) if working else nullcontext():
            yield create_app(server)


def _pool(stack: ExitStack) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="floe-web")
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    return pool


def _groups(products: Products) -> Names:
    return Names(name for each in products.values() for name in each.engine.rights.groups)


def _site(tables: Database, platform: Platform) -> Site:
    records = records_of(platform.product, platform.engine, tables)
    return Site(
        platform=platform,
        records=records,
        board=Board(platform, records),
        auditor=Auditor(platform.engine),
        dora_reader=DoraReader(records),
    )


@contextmanager
def _at_work(server: Shared) -> Iterator[None]:
    """Run the feed, the copies of records and the work on ledgers while the site is open."""
    background = Background(several=server.products.several)
    # No variable keeps a site, which a reload may replace.
    for name in server.sites:
        _work_on(server, name, background)
    server.notice = background.notice
    server.products.subscribe(partial(_follow, server, background))
    server.feed.listeners.append(partial(_wake, server))
    background.start()
    server.feed.start()
    try:
        yield
    finally:
        server.feed.stop()
        background.stop()


def _work_on(server: Shared, name: str, background: Background) -> None:
    site, products = server.sites[name], server.products
    look = _look(site) if products.several else None
    notice = partial(products.notice, name) if server.web.registry_events else None
    background.add(site.platform, site.records, entry_reconciler(site.platform), look, notice)


def _follow(server: Shared, background: Background, name: str) -> None:
    """Serve the pages of a product that a reload added, replaced or removed."""
    platform, others = server.products.get(name), dict(server.sites)
    if others.pop(name, None):
        background.remove(name)
    if platform is not None:
        others[name] = server.open_site(platform)
    # A new mapping, because requests go through the old one.
    server.sites = others
    if platform is not None:
        _work_on(server, name, background)
    server.groups = _groups(server.products)


def _look(site: Site) -> Callable[[], float]:
    """Return work that reads the status, and the records where it differs from before."""
    copied = False

    def look() -> float:
        nonlocal copied
        before = site.board.last().rows
        seen = site.board.refresh()
        if seen.error is not None:
            # Others judge by the records, which then count as unread.
            site.records.fail(seen.error)
        elif seen.rows != before or not copied or site.records.errors:
            copied = site.records.refresh()
        reading = not (copied or seen.error or site.records.errors)
        return 0.0 if reading else _LOOK_SECONDS

    return look


def _wake(server: Shared, events: Sequence[Event]) -> None:
    """Read the status again at the next view, and the ledgers to which `events` wrote soon."""
    written = {event.change_id for event in events if event.kind not in _UNWRITTEN}
    changes = map(server.products.store.get, {event.change_id for event in events})
    targets: dict[str, set[str]] = {}
    for change in filter(None, changes):
        moved = targets.setdefault(change.product, set())
        moved.update({change.target} if change.id in written else ())
    for product, moved in targets.items():
        site = server.sites.get(product)
        if site is not None:
            site.board.expire()
            if moved:
                site.records.wake(moved)


def refuse_strangers(config: ServerConfig, host: str) -> None:
    """Refuse to serve a public address without sign-in, unless web.public allows it."""
    if host in _LOOPBACK or config.web.public or not isinstance(config.web.auth, NoSignIn):
        return
    raise ConfigError(
        f"web.auth.mode is none, so only loopback is served and not '{host}': set web.auth, or "
        "web.public: true to let everybody read it"
    )


def _provider(config: ServerConfig) -> Provider | None:
    auth = config.web.auth
    if not isinstance(auth, OidcSignIn):
        return None
    return Provider(auth, f"{config.web.base_url}/auth/callback")
