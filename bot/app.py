"""Builds and runs the Slack bot: a Bolt app and its worker threads."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse

from bot.actions import InteractionListeners
from bot.app_home import AppHomes
from bot.blocks.rendering_context import RenderingContext
from bot.change_feed import FeedFollower
from bot.commands import CommandListeners
from bot.database import MIGRATIONS, BotStore, bot_database
from bot.dispatcher import Dispatcher
from bot.ephemeral import EphemeralStore
from bot.forms import Forms
from bot.gate_progress import GateProgressStore
from bot.handlers import ActionHandlers
from bot.identity import SlackIdentities
from bot.inbox import Inbox
from bot.lock_banners import LockBanners
from bot.message_store import MessageStore
from bot.modal_opener import ModalOpener
from bot.outbox import Outbox, OutboxTiming
from bot.request_verification import RequestVerification
from bot.sender import Sender
from bot.socket_mode import SocketConnection
from bot.thread_content import card_key
from bot.webapi import SlackApi, quiet_logger, web_client
from engine.bootstrap.leader import Leader, leader_of
from engine.bootstrap.state import open_database
from engine.config import Config
from engine.domain.errors import ConfigError
from engine.domain.operator import IdentitySource
from engine.platform import Platform

_log = logging.getLogger(__name__)
_LISTENERS = 32
# Between looks at a database that other servers use too.
_SHARED_POLL_SECONDS = 0.5
# Slack waits three seconds for an answer, also for the one that nothing was done.
_SHARED_WAIT_SECONDS = 1.5


@dataclass(frozen=True)
class Tokens:
    """
    The bot's credentials.

    With `app_token` the bot connects to Slack (Socket Mode). Without it, Slack sends HTTP requests
    that are signed with one of `signing_secrets`. Tests set `api_url` to a local Slack.
    """

    bot_token: str = field(repr=False)
    signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    app_token: str | None = field(default=None, repr=False)
    api_url: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Tokens | None":
        """Read the tokens; None without SLACK_BOT_TOKEN, ConfigError if another one is missing."""
        token = environ.get("SLACK_BOT_TOKEN", "").strip()
        if not token:
            return None
        names = ("SLACK_SIGNING_SECRET", "SLACK_SIGNING_SECRET_PREVIOUS")
        secrets = tuple(s for name in names if (s := environ.get(name, "").strip()))
        app_token = environ.get("SLACK_APP_TOKEN", "").strip() or None
        if not secrets and app_token is None:
            raise ConfigError(
                "SLACK_BOT_TOKEN is set without SLACK_SIGNING_SECRET (Slack calls floe) or "
                "SLACK_APP_TOKEN (floe connects to Slack): set one of them"
            )
        return cls(token, secrets, app_token, environ.get("SLACK_API_URL", "").strip() or None)


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
    platform: Platform, config: Config, tokens: Tokens, timing: OutboxTiming | None = None
) -> Iterator[Bot]:
    """
    Run the bot of `platform` inside the `with` block, and continue with unfinished work.

    The platform's worker is woken but not started. Raises StoreUnavailableError if `bot.db` cannot
    be used.
    """
    database = open_database(
        config,
        "bot",
        MIGRATIONS,
        lambda: bot_database(config.state_dir),
        wait_seconds=_SHARED_WAIT_SECONDS,
    )
    store = BotStore(database, lambda: platform.engine.now().timestamp())
    try:
        with _build_bot(platform, config, tokens, store, timing) as bot:
            yield bot
    finally:
        store.close()


@contextmanager
def _build_bot(
    platform: Platform, config: Config, tokens: Tokens, store: BotStore, timing: OutboxTiming | None
) -> Iterator[Bot]:
    api = SlackApi(web_client(tokens.bot_token, tokens.api_url))
    # People wait for these calls: a failure is better than a late answer.
    interactive = SlackApi(web_client(tokens.bot_token, tokens.api_url, timeout_seconds=5))
    engine = platform.engine
    identities = SlackIdentities(interactive, store, engine.directory, engine.rights.groups)
    rendering = _rendering_context(platform, config, identities)
    messages, ephemerals = MessageStore(store), EphemeralStore(store)
    links = _LinkForwarder()
    leader = leader_of(config, "slack")
    leads, timing, sender = leader.leads, timing or _timing(leader), Sender(api, messages)
    outbox = Outbox(sender, messages, ephemerals, links.forward, timing, engine.metrics, leader)
    homes = AppHomes(platform, interactive, identities, messages, rendering)
    gates = GateProgressStore(store, messages)
    follower = FeedFollower(
        platform, store, messages, gates, identities, outbox, rendering, homes.refresh, leads
    )
    links.follower = follower
    banners = LockBanners(platform, store, messages, outbox, rendering, leads=leads)
    handlers = ActionHandlers(platform, identities, banners, messages, rendering, follower.wake)
    dispatcher = Dispatcher(store, Inbox(store), ephemerals, outbox, handlers.handle, leader)
    opener = ModalOpener(interactive, dispatcher)
    forms = Forms(platform, identities, opener, rendering)
    with ThreadPoolExecutor(_LISTENERS, thread_name_prefix="floe-slack-listen") as listeners:
        app = _build_app(tokens, listeners)
        CommandListeners(dispatcher, forms, rendering).listen(app)
        InteractionListeners(dispatcher, forms, homes, identities, rendering).listen(app)
        parts: list[_Part] = [homes, leader, outbox, follower, banners, dispatcher, opener]
        socket = None
        if tokens.app_token:
            socket = SocketConnection(app, tokens.app_token, tokens.api_url)
            parts.append(socket)
        with (
            _run_parts(parts),
            platform.memberships.asking(IdentitySource.SLACK, identities.refresh_groups),
        ):
            yield Bot(app, outbox, dispatcher, messages, socket)


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


def _rendering_context(
    platform: Platform, config: Config, identities: SlackIdentities
) -> RenderingContext:
    path, slack = platform.engine.path, config.slack
    page = config.web.base_url
    return RenderingContext(path, slack.commands, page, slack.channel, identities.find_id)


class _Part(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class _LinkForwarder:
    """Forwards new message links from the outbox to the follower, which is created later."""

    follower: FeedFollower | None = None

    def forward(self, key: str) -> None:
        if self.follower is not None:
            self.follower.queue_update(key.split(":", 1)[0])


def _authorize_with(bot_token: str) -> Callable[..., AuthorizeResult]:
    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=bot_token)

    return authorize


def _build_app(tokens: Tokens, listeners: ThreadPoolExecutor) -> App:
    app = App(
        logger=quiet_logger(),
        client=web_client(tokens.bot_token, tokens.api_url),
        # Bolt would call Slack for every request; the signature already proves the app.
        authorize=_authorize_with(tokens.bot_token),
        request_verification_enabled=False,
        before_authorize=RequestVerification(tokens.signing_secrets),
        listener_executor=listeners,
        raise_error_for_unhandled_request=True,
    )

    @app.error
    def last_resort(error: Exception) -> BoltResponse:
        if isinstance(error, BoltUnhandledRequestError):
            _log.info("Slack sent a request that this version of floe does not handle")
            return BoltResponse(status=404, body="")
        _log.error("a request from Slack failed unexpectedly", exc_info=error)
        return BoltResponse(status=500, body="")

    return app
