"""What every view is given: the platform, who may see it, and how it is told of changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app

from engine.api import Platform
from engine.bootstrap.server import Entrance, Records
from engine.config.people import Web
from engine.domain.names import Names
from web.audit_runner import Auditor
from web.change_diff import Compare
from web.event_feed import Feed
from web.oidc_client import Provider
from web.status_cache import Board

# Why something this server needs does not answer; None when it does.
Ready = Callable[[], str | None]


def nothing_counted() -> str:
    """For a server that counts nothing else."""
    return ""


def no_thread(_change_id: str) -> str | None:
    """For a server without Slack."""
    return None


@dataclass(frozen=True)
class Site:
    """
    `groups` are those that rules speak of: only they are kept of a sign-in. `checks` are what
    /readyz asks, by name, beside the registry and the store. `thread` is where
    a change is talked about, `metrics` what others count, as text for Prometheus.
    """

    platform: Platform
    records: Records
    entrance: Entrance
    web: Web
    secret: bytes
    state_dir: Path
    groups: Names
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
    """The site of the request under way."""
    site: Site = current_app.extensions["floe"]
    return site
