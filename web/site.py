"""The services that every view uses: of one product, and of all products together."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import current_app, g, request

from engine.bootstrap.server import Entrance, Records, SqlFavourites
from engine.config.people import Web
from engine.domain.errors import PromotionError, UnavailableError, UsageError
from engine.domain.names import Names
from engine.domain.rights import Rights
from engine.platform import Platform, Products
from web.audit_runner import Auditor
from web.dora_reader import DoraReader
from web.ended_sessions import EndedSessions
from web.event_feed import Feed
from web.oidc_client import Provider
from web.rate import Rate
from web.shared_view import SharedView
from web.status_cache import Board

# Returns why a dependency fails, or None.
Ready = Callable[[], str | None]
API = "/api/v1"


class NoSuchPageError(PromotionError):
    """No page has this address."""

    exit_code = 2
    http_status = 404
    reason_code = "not_found"


class BrokenProductError(UnavailableError):
    """The product cannot be used until its file is corrected."""

    reason_code = "product_broken"

    def __init__(self, product: str, why: PromotionError) -> None:
        super().__init__(f"The product {product} cannot be used: {why}")
        self.product, self.why = product, str(why)


def nothing_counted() -> str:
    """Return no metrics."""
    return ""


def no_thread(_change_id: str) -> str | None:
    """Return no thread, for a server without Slack."""
    return None


@dataclass(frozen=True)
class Site:
    """The services of one product. `answering` is held while a repeated key may be answered."""

    platform: Platform
    records: Records
    board: Board
    auditor: Auditor
    dora_reader: DoraReader
    answering: threading.Lock = field(default_factory=threading.Lock)
    shared_view: SharedView = field(default_factory=SharedView)


@dataclass
class Shared:
    """
    The services that all products of a server share; `sites` has those of each product, and
    `open_site` makes those of a product that a reload opens.

    `rights` are those in a product by the server file alone, without the file of the product.
    `groups` are the ones that rules name; a session keeps only these. `submit` runs work in the
    background. `notice` reads a product whose registry may have changed. `checks` are further
    checks of /readyz, by name. `thread` links a change to its Slack thread, and `metrics` returns
    further metrics as Prometheus text. `reports` limits the reports about deployments.
    """

    products: Products
    sites: Mapping[str, Site]
    open_site: Callable[[Platform], Site]
    entrance: Entrance
    web: Web
    rights: Callable[[str], Rights]
    secret: bytes
    state_dir: Path
    groups: Names
    ended_sessions: EndedSessions
    favourites: SqlFavourites
    feed: Feed
    now: Callable[[], datetime]
    submit: Callable[[Callable[[], None]], "Future[None]"]
    notice: Callable[[str], object] = no_thread
    provider: Provider | None = None
    checks: Mapping[str, Ready] = field(default_factory=dict)
    metrics: Callable[[], str] = nothing_counted
    thread: Callable[[str], str | None] = no_thread
    reports: Rate = field(default_factory=Rate)

    @property
    def https(self) -> bool:
        return (self.web.base_url or "").startswith("https://")

    def site(self, product: str) -> Site:
        """Return the services of `product`; an error that says why there are none."""
        # Read once: a reload replaces the mapping.
        if (found := self.sites.get(product)) is not None:
            return found
        if product in self.products.broken:
            why = self.products.broken[product]
            raise BrokenProductError(product, why)
        raise NoSuchPageError(f"Product '{product}' does not exist")


def shared() -> Shared:
    """Return the services that the products of this server share."""
    found: Shared = current_app.extensions["floe"]
    return found


def the_site() -> Site:
    """Return the site of the product of the current request."""
    return shared().site(product_of_request())


def product_of_page() -> str | None:
    """Return the product that the address names; empty where there is one manifest, else None."""
    named: str | None = g.get("product")
    return named if shared().products.several else ""


def remember_product(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take the product out of the address: views are written for one product."""
    g.product = values.pop("product", None) if values else None


def add_product(endpoint: str, values: dict[str, Any]) -> None:
    """Link to pages of the same product."""
    named = g.get("product")
    if named is not None and current_app.url_map.is_endpoint_expecting(endpoint, "product"):
        values.setdefault("product", named)


def missing_page() -> NoSuchPageError:
    """Return the error for an address without a page, which is the same for a hidden one."""
    named, change_id = product_of_page(), (request.view_args or {}).get("change_id")
    if named is not None:
        return NoSuchPageError(f"Product '{named}' does not exist")
    missing = "The page" if change_id is None else f"Change '{change_id}'"
    return NoSuchPageError(f"{missing} does not exist")


def product_of_request() -> str:
    """Return the product of the address, or else the only one, or that of the change."""
    named, products = product_of_page(), shared().products
    if named is not None:
        return named
    if products.only is not None:
        return products.only.product
    change_id = (request.view_args or {}).get("change_id")
    if change_id is None:
        rest = request.path.removeprefix(API)
        raise UsageError(
            f"This server has several products: use {API}/products/PRODUCT{rest} for one of them"
        )
    change = products.store.get(change_id)
    if change is None:
        raise missing_page()
    return change.product
