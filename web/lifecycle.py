"""Open and close the site of a platform."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from flask import Flask

from engine.bootstrap.server import (
    checkpoint_maker,
    entrance,
    entry_reconciler,
    open_ended_sessions,
    open_records,
    shared_secret,
)
from engine.bootstrap.statements import statement_renewer
from engine.config import Config
from engine.config.issuers import OidcSignIn
from engine.config.people import NoSignIn
from engine.domain.errors import ConfigError
from engine.platform import Platform
from web.app import create_app
from web.audit_runner import Auditor
from web.change_diff import comparing
from web.ended_sessions import EndedSessions
from web.event_feed import Feed
from web.oidc_client import Provider
from web.session_key import session_key
from web.site import Ready, Site, no_thread, nothing_counted
from web.status_cache import Board

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Each viewer occupies a thread of the server.
WATCHERS = 16


@contextmanager
def open_web(
    platform: Platform,
    config: Config,
    *,
    checks: Mapping[str, Ready] | None = None,
    thread: Callable[[str], str | None] = no_thread,
    metrics: Callable[[], str] = nothing_counted,
    watchers: int = WATCHERS,
) -> Iterator[Flask]:
    """
    Open the app for the duration of the block; `checks`, `thread` and `metrics` as in Site.

    Raises ConfigError if the state directory cannot store the session key.
    """
    engine = platform.engine
    secret = shared_secret(config, "session key") or session_key(config.state_dir)
    with entrance(config, engine) as door, open_records(config, engine) as records:
        feed, board = Feed(platform, watchers), Board(platform, records)
        site = Site(
            platform=platform,
            records=records,
            entrance=door,
            web=config.web,
            secret=secret,
            state_dir=config.state_dir,
            groups=engine.rights.groups,
            ended_sessions=EndedSessions(open_ended_sessions(config), platform.wakeups),
            board=board,
            feed=feed,
            auditor=Auditor(engine),
            compare=comparing(engine),
            provider=_provider(config),
            bearer_tokens=bool(config.identity.oidc),
            checks=checks or {},
            metrics=metrics,
            thread=thread,
        )
        with _at_work(site, config):
            yield create_app(site)


@contextmanager
def _at_work(site: Site, config: Config) -> Iterator[None]:
    """Run the feed, the record copy and the work on ledgers while the site is open."""
    site.feed.listeners += [site.board.expire, site.records.wake]
    platform = site.platform
    makers = (
        checkpoint_maker(platform),
        statement_renewer(platform.engine),
        entry_reconciler(config, platform.engine),
    )
    background = [each for each in makers if each]
    site.records.start()
    site.feed.start()
    for work in background:
        work.start()
    try:
        yield
    finally:
        for work in background:
            work.stop()
        site.feed.stop()
        site.records.stop()


def refuse_strangers(config: Config, host: str) -> None:
    """Refuse to serve a public address without sign-in, unless web.public allows it."""
    if host in _LOOPBACK or config.web.public or not isinstance(config.web.auth, NoSignIn):
        return
    raise ConfigError(
        f"web.auth.mode is none, so only loopback is served and not '{host}': set web.auth, or "
        "web.public: true to let everybody read it"
    )


def _provider(config: Config) -> Provider | None:
    auth = config.web.auth
    if not isinstance(auth, OidcSignIn):
        return None
    return Provider(auth, f"{config.web.base_url}/auth/callback")
