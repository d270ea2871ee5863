"""The site: the services that every view uses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app

from engine.bootstrap.server import Entrance, Records
from engine.config.people import Web
from engine.domain.names import Names
from engine.platform import Platform
from web.audit_runner import Auditor
from web.change_diff import Compare
from web.ended_sessions import EndedSessions
from web.event_feed import Feed
from web.oidc_client import Provider
from web.status_cache import Board

# Returns why a dependency fails, or None.
Ready = Callable[[], str | None]


def nothing_counted() -> str:
    """Return no metrics."""
    return ""


def no_thread(_change_id: str) -> str | None:
    """Return no thread, for a server without Slack."""
    return None


@dataclass(frozen=True)
class Site:
    """
    The services of a server.

    `groups` are the ones that rules name; a session keeps only these. `checks` are further checks
    of /readyz, by name. `thread` links a change to its Slack thread, and `metrics` returns further
    metrics as Prometheus text.
    """

    platform: Platform
    records: Records
    entrance: Entrance
    web: Web
    secret: bytes
    state_dir: Path
    groups: Names
    ended_sessions: EndedSessions
    board: Board
    feed: Feed
    auditor: Auditor
    compare: Compare
    provider: Provider | None = None
    bearer_tokens: bool = False
    checks: Mapping[str, Ready] = field(default_factory=dict)
    metrics: Callable[[], str] = nothing_counted
    thread: Callable[[str], str | None] = no_thread

    @property
    def https(self) -> bool:
        return (self.web.base_url or "").startswith("https://")


def the_site() -> Site:
    """Return the site of the current request."""
    site: Site = current_app.extensions["floe"]
    return site
