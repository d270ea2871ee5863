"""The Slack face put together: a Bolt app, and the threads that work for it."""

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

from bot.actions import Actions
from bot.app_home import Homes
from bot.blocks.rendering_context import Look
from bot.change_feed import Follower
from bot.commands import Commands
from bot.database import BotStore
from bot.dispatcher import Desk
from bot.ephemeral import Answers
from bot.forms import Forms
from bot.gate_progress import GateLog
from bot.handlers import Decisions
from bot.identity import People
from bot.inbox import Inbox
from bot.lock_banners import Banners
from bot.message_store import Messages
from bot.modal_opener import Opener
from bot.outbox import Outbox, Tempo
from bot.request_verification import Verifying
from bot.sender import Sender
from bot.socket_mode import Socket
from bot.thread_content import root_key
from bot.webapi import SlackApi, quiet_logger, web_client
from engine.api import Platform
from engine.config import Config
from engine.domain.errors import ConfigError
from engine.domain.operator import IdentitySource

_log = logging.getLogger(__name__)
_LISTENERS = 32


@dataclass(frozen=True)
class Tokens:
    """
    What Slack knows this bot by. With `app_token` it connects to Slack (Socket Mode), without it
    Slack calls us and signs with one of `signing_secrets`. `api_url` is that of a peer, for tests.
    """

    bot_token: str = field(repr=False)
    signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    app_token: str | None = field(default=None, repr=False)
    api_url: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Tokens | None":
        """None where SLACK_BOT_TOKEN is not set; ConfigError when what it needs is missing."""
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
    """`app` takes requests; `follower`, `outbox` and `desk` do what they lead to."""

    app: App
    follower: Follower
    outbox: Outbox
    desk: Desk
    messages: Messages
    socket: Socket | None = None

    def connected(self) -> bool:
        """Whether Slack can reach us: over HTTP that is for whoever calls this to know."""
        return self.socket is None or self.socket.connected()

    def thread(self, change_id: str) -> str | None:
        """The link to where a change is talked about, if it was announced."""
        return self.messages.link(root_key(change_id))


@contextmanager
def running(
    platform: Platform, config: Config, tokens: Tokens, tempo: Tempo | None = None
) -> Iterator[Bot]:
    """
    The bot of `platform`, at work until the end; its worker is woken and never started here.

    What was left from before is gone on with. StoreUnavailableError when `bot.db` cannot be used.
    """
    store = BotStore(config.state_dir)
    try:
        with _assembled(platform, config, tokens, store, tempo) as bot:
            yield bot
    finally:
        store.close()


@contextmanager
def _assembled(
    platform: Platform, config: Config, tokens: Tokens, store: BotStore, tempo: Tempo | None
) -> Iterator[Bot]:
    api = SlackApi(web_client(tokens.bot_token, tokens.api_url))
    # Somebody waits for these: better no answer than a late one.
    asking = SlackApi(web_client(tokens.bot_token, tokens.api_url, timeout_seconds=5))
    people = People(asking, store, platform.engine.directory, platform.engine.rights.groups)
    look = _look(platform, config, people)
    messages, answers = Messages(store), Answers(store)
    touched = _Touched()
    metrics = platform.engine.metrics
    outbox = Outbox(Sender(api, messages), messages, answers, touched.linked, tempo, metrics)
    homes = Homes(platform, asking, people, messages, look)
    gates = GateLog(store, messages)
    follower = Follower(platform, store, messages, gates, people, outbox, look, homes.renew)
    touched.follower = follower
    banners = Banners(platform, store, messages, outbox, look)
    decisions = Decisions(platform, people, banners, messages, look, follower.wake)
    desk = Desk(store, Inbox(store), answers, outbox, decisions.carry_out)
    opener = Opener(asking, desk)
    forms = Forms(platform, people, opener, look)
    with ThreadPoolExecutor(_LISTENERS, thread_name_prefix="floe-slack-listen") as listeners:
        app = _app(tokens, listeners)
        Commands(desk, forms, look).listen(app)
        Actions(desk, forms, homes, people, look).listen(app)
        socket = Socket(app, tokens.app_token, tokens.api_url) if tokens.app_token else None
        parts: list[_Part] = [homes, outbox, follower, banners, desk, opener]
        if socket:
            parts.append(socket)
        with _started(parts), platform.memberships.asking(IdentitySource.SLACK, people.regroup):
            yield Bot(app, follower, outbox, desk, messages, socket)


@contextmanager
def _started(parts: Sequence["_Part"]) -> Iterator[None]:
    """Requests come last and stop first."""
    try:
        for part in parts:
            part.start()
        yield
    finally:
        for part in reversed(parts):
            part.stop()


def _look(platform: Platform, config: Config, people: People) -> Look:
    return Look(
        platform.engine.path,
        config.slack.commands,
        config.web.base_url,
        config.slack.channel,
        people.id_of,
    )


class _Part(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class _Touched:
    """Passes on what the outbox learns to the follower, which is made after it."""

    follower: Follower | None = None

    def linked(self, key: str) -> None:
        if self.follower is not None:
            self.follower.touch(key.split(":", 1)[0])


def _authorized(bot_token: str) -> Callable[..., AuthorizeResult]:
    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=bot_token)

    return authorize


def _app(tokens: Tokens, listeners: ThreadPoolExecutor) -> App:
    app = App(
        logger=quiet_logger(),
        client=web_client(tokens.bot_token, tokens.api_url),
        # Without asking Slack, which a listener never does: requests are signed for this app.
        authorize=_authorized(tokens.bot_token),
        request_verification_enabled=False,
        before_authorize=Verifying(tokens.signing_secrets),
        listener_executor=listeners,
        raise_error_for_unhandled_request=True,
    )

    @app.error
    def last_resort(error: Exception) -> BoltResponse:
        if isinstance(error, BoltUnhandledRequestError):
            _log.info("Slack sent something this version does not know")
            return BoltResponse(status=404, body="")
        _log.error("a request from Slack failed unexpectedly", exc_info=error)
        return BoltResponse(status=500, body="")

    return app
