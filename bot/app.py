"""Builds and runs the Slack bot: a Bolt app and its worker threads."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from slack_bolt import App

from bot.actions import InteractionListeners
from bot.app_home import AppHomes
from bot.bolt_app import build_app
from bot.break_glass import BreakGlassNotices
from bot.catalog import Catalog
from bot.change_feed import FeedFollower
from bot.commands import CommandListeners
from bot.database import MIGRATIONS, BotStore, bot_database
from bot.direct_messages import DirectMessages
from bot.dispatcher import Dispatcher
from bot.ephemeral import EphemeralStore
from bot.forms import Forms
from bot.gate_progress import GateProgressStore
from bot.group_lock_store import GroupLockStore
from bot.group_locks import GroupLocks
from bot.handlers import ActionHandlers, Kind
from bot.home_search import HomeSearch
from bot.identity import SlackIdentities
from bot.inbox import Inbox
from bot.lock_actions import LockActions
from bot.lock_banners import LockBanners
from bot.message_store import MessageStore
from bot.modal_opener import ModalOpener
from bot.mute_actions import MuteListeners
from bot.mutes import Mutes
from bot.outbox import Outbox, OutboxTiming
from bot.overviews import Overviews
from bot.recent_products import RecentProducts
from bot.review_actions import ReviewActions
from bot.review_forms import ReviewForms
from bot.sender import Sender
from bot.socket_mode import SocketConnection
from bot.status_actions import StatusActions
from bot.thread_content import card_key
from bot.tokens import Tokens
from bot.waiver_actions import WaiverActions
from bot.waiver_forms import WaiverForms
from bot.webapi import SlackApi, web_client
from engine.bootstrap.leader import Leader, leader_of
from engine.bootstrap.state import open_database
from engine.config import ServerConfig
from engine.domain.operator import IdentitySource
from engine.platform import Products

_LISTENERS = 32
# Between looks at a database that other servers use too.
_SHARED_POLL_SECONDS = 0.5
# Slack waits three seconds for an answer, also for the one that nothing was done.
_SHARED_WAIT_SECONDS = 1.5


@dataclass(frozen=True)
class Bot:
    """The running bot: `app` receives requests, the other parts process them."""

    app: App
    outbox: Outbox
    dispatcher: Dispatcher
    messages: MessageStore
    socket: SocketConnection | None = None

    def is_connected(self) -> bool:
        """Whether the Socket Mode connection is up; always true over HTTP."""
        return self.socket is None or self.socket.is_connected()

    def thread_link(self, change_id: str) -> str | None:
        """The link to the card of a change, if it was posted."""
        return self.messages.find_link(card_key(change_id))


@contextmanager
def run_bot(
    products: Products, server: ServerConfig, tokens: Tokens, timing: OutboxTiming | None = None
) -> Iterator[Bot]:
    """
    Run one bot for all `products` inside the `with` block, and continue with unfinished work.

    The worker of the products is woken but not started. Raises StoreUnavailableError if `bot.db`
    cannot be used.
    """
    database = open_database(
        server,
        "bot",
        MIGRATIONS,
        lambda: bot_database(server.state_dir),
        wait_seconds=_SHARED_WAIT_SECONDS,
    )
    now = products.worker.clock.now
    store = BotStore(database, lambda: now().timestamp())
    try:
        with _build_bot(_base(products, server, tokens, store, timing), tokens) as bot:
            yield bot
    finally:
        store.close()


@dataclass(frozen=True)
class _Base:
    """The parts on which the others depend."""

    store: BotStore
    interactive: SlackApi
    identities: SlackIdentities
    catalog: Catalog
    messages: MessageStore
    ephemerals: EphemeralStore
    recent: RecentProducts
    links: "_LinkForwarder"
    leader: Leader
    outbox: Outbox


def _base(
    products: Products,
    server: ServerConfig,
    tokens: Tokens,
    store: BotStore,
    timing: OutboxTiming | None,
) -> _Base:
    api = SlackApi(web_client(tokens.bot_token, tokens.api_url))
    # People wait for these calls: a failure is better than a late answer.
    waiting = web_client(tokens.bot_token, tokens.api_url, timeout_seconds=5)
    interactive = SlackApi(waiting, api.contact)
    metrics = next(iter(products.values())).engine.metrics
    identities = SlackIdentities(
        interactive, store, lambda: products.people.directory, lambda: catalog.groups
    )
    catalog = Catalog(products, server, identities)
    messages, ephemerals = MessageStore(store), EphemeralStore(store)
    links, leader = _LinkForwarder(), leader_of(server, "slack")
    timing, sender = timing or _timing(leader), Sender(api, messages, store)
    outbox = Outbox(sender, messages, ephemerals, links.forward, timing, metrics, leader)
    recent = RecentProducts(store)
    return _Base(
        store,
        interactive,
        identities,
        catalog,
        messages,
        ephemerals,
        recent,
        links,
        leader,
        outbox,
    )


@contextmanager
def _build_bot(base: _Base, tokens: Tokens) -> Iterator[Bot]:
    catalog, identities, messages = base.catalog, base.identities, base.messages
    store, outbox, leader, recent = base.store, base.outbox, base.leader, base.recent
    overviews = Overviews(catalog, messages, recent)
    mutes = Mutes(store)
    homes = AppHomes(catalog, base.interactive, identities, overviews, mutes)
    notices = BreakGlassNotices(catalog, store, messages, identities)
    direct = DirectMessages(catalog, store, messages, identities, outbox, mutes)
    follower = _follow_changes(base, notices, direct, homes)
    stored = GroupLockStore(store)
    banners = LockBanners(
        catalog, store, messages, outbox, stored, leads=leader.leads, also=notices.update
    )
    groups = GroupLocks(catalog, identities, stored, messages, outbox, leader.leads)
    status = StatusActions(catalog, identities, overviews)
    reviews = ReviewActions(catalog, identities, banners)
    locks, waivers = LockActions(catalog, identities, banners), WaiverActions(catalog, identities)
    others = _other_actions(locks, groups, status, reviews, waivers)
    handlers = ActionHandlers(catalog, identities, messages, recent, follower.wake, others)
    dispatcher = Dispatcher(store, Inbox(store), base.ephemerals, outbox, handlers.handle, leader)
    opener = ModalOpener(base.interactive, dispatcher)
    forms = Forms(catalog, identities, opener, recent)
    search = HomeSearch(catalog, opener, status)
    # The last one takes all other clicks.
    listeners = (
        ReviewForms(catalog, identities, notices, opener, dispatcher),
        WaiverForms(catalog, opener, dispatcher),
        MuteListeners(catalog, mutes, homes),
        CommandListeners(dispatcher, forms, catalog),
        InteractionListeners(dispatcher, forms, homes, identities, catalog, search),
    )
    memberships = catalog.products.people.memberships
    parts: list[_Part] = [overviews, homes, leader, outbox, direct, follower, banners, groups]
    with (
        _listening(tokens, [*parts, dispatcher, opener], listeners) as (app, socket),
        memberships.asking(IdentitySource.SLACK, identities.refresh_groups),
    ):
        yield Bot(app, outbox, dispatcher, messages, socket)


def _follow_changes(
    base: _Base, notices: BreakGlassNotices, direct: DirectMessages, homes: AppHomes
) -> FeedFollower:
    base.links.follower = FeedFollower(
        base.catalog,
        base.store,
        base.messages,
        GateProgressStore(base.store, base.messages),
        base.identities,
        base.outbox,
        notices,
        direct,
        homes.refresh,
        base.leader.leads,
    )
    return base.links.follower


def _other_actions(
    locks: LockActions,
    groups: GroupLocks,
    status: StatusActions,
    reviews: ReviewActions,
    waivers: WaiverActions,
) -> dict[str, Kind]:
    """The actions that are no changes, by kind."""
    return {
        "lock": locks.lock,
        "unlock": locks.unlock,
        "lock_all": groups.lock,
        "unlock_all": groups.unlock,
        "promotions": status.show_product,
        "overview": status.show_overview,
        "review": reviews.review,
        "waivers": waivers.show,
        "unwaive": waivers.end,
    }


@contextmanager
def _listening(
    tokens: Tokens,
    parts: Sequence["_Part"],
    listeners: Sequence["_Listeners"],
) -> Iterator[tuple[App, SocketConnection | None]]:
    """Run the parts and the app, which receives requests last and stops first."""
    with ThreadPoolExecutor(_LISTENERS, thread_name_prefix="floe-slack-listen") as pool:
        app = build_app(tokens.bot_token, tokens.api_url, tokens.signing_secrets, pool)
        for each in listeners:
            each.listen(app)
        socket = None
        if tokens.app_token:
            socket = SocketConnection(app, tokens.app_token, tokens.api_url)
        with _run_parts([*parts, socket] if socket else parts):
            yield app, socket


def _timing(leader: Leader) -> OutboxTiming:
    return OutboxTiming(poll=_SHARED_POLL_SECONDS) if leader.shared else OutboxTiming()


@contextmanager
def _run_parts(parts: Sequence["_Part"]) -> Iterator[None]:
    """Start `parts` in order and stop them in reverse, so that requests stop first."""
    try:
        for part in parts:
            part.start()
        yield
    finally:
        for part in reversed(parts):
            part.stop()


class _Part(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class _Listeners(Protocol):
    def listen(self, app: App) -> None: ...


class _LinkForwarder:
    """Forwards new message links from the outbox to the follower, which is created later."""

    follower: FeedFollower | None = None

    def forward(self, key: str) -> None:
        if self.follower is not None:
            self.follower.queue_update(key.split(":", 1)[0])
