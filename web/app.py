"""The Flask app: pages, their JSON, and an API for programs."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from flask import Flask, Response, g, request, url_for
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined

from engine.config.issuers import OidcSignIn
from engine.config.people import NoSignIn
from engine.domain.errors import PromotionError
from engine.domain.impact.delta import describe
from engine.domain.impact.products import merge_spellings
from engine.domain.product import UNNAMED, with_product
from engine.domain.text import iso_time, size_text
from web import formatting, record_pages  # noqa: F401 - it adds its routes to the pages
from web.api_commands import orders
from web.api_deployments import reports
from web.api_hand_off import hand_off
from web.api_people import people
from web.api_products import catalog
from web.api_queries import api
from web.authentication import (
    SESSION_SECONDS,
    may_look,
    may_operate,
    may_promote,
    may_view,
    visitor,
)
from web.badges import waiting
from web.change_requests import change_requests
from web.csrf import form_token
from web.diff_page import diffs
from web.dora_page import dora_pages
from web.error_handlers import answer_failures
from web.form_actions import deeds
from web.health import health
from web.incident import incident
from web.openapi import description
from web.page_blueprint import pages
from web.products_page import matrix
from web.refusal_texts import shortened, without_label
from web.registry_events import events
from web.reload import reloading
from web.sign_in import sign_in
from web.site import API, Shared, add_product, product_of_page, remember_product
from web.sse import stream

_LARGEST_REQUEST = 1024 * 1024
_YEAR = 365 * 24 * 3600
_HEADERS = {
    # No inline code, no other origins, no framing.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Without includeSubDomains: other hosts of the domain are not ours.
_HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


class InOrder(DefaultJSONProvider):
    """JSON that keeps the order of fields."""

    sort_keys = False


def create_app(site: Shared) -> Flask:
    """Build the app. The caller starts and stops the feed, the background work and the worker."""
    app = Flask("web", static_folder=None)
    app.extensions["floe"] = site
    app.config.update(
        SECRET_KEY=site.secret,
        SESSION_COOKIE_NAME="__Host-floe" if site.https else "floe",
        SESSION_COOKIE_SECURE=site.https,
        SESSION_COOKIE_HTTPONLY=True,
        # Lax instead of Strict: the redirect from the identity provider must carry it.
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=SESSION_SECONDS),
        MAX_CONTENT_LENGTH=_LARGEST_REQUEST,
        TRUSTED_HOSTS=_hosts(site),
    )
    # The order of fields of the command line.
    app.json = InOrder(app)
    app.url_value_preprocessor(remember_product)
    app.url_defaults(add_product)
    _register(app, site.products.several)
    app.add_url_rule("/openapi.json", "openapi", lambda: description(site))
    answer_failures(app)
    app.after_request(partial(_secured, _HEADERS | (_HTTPS_ONLY if site.https else {})))
    _serve_files(app)
    _prepare_templates(app, site)
    return app


def _register(app: Flask, several: bool) -> None:
    """Serve the pages of a product below its name where there are several."""
    of_server = (sign_in, stream, health, reloading, events, catalog, people, incident)
    for blueprint in of_server:
        app.register_blueprint(blueprint)
    of_product = (api, hand_off, reports, orders)
    for blueprint in of_product:
        app.register_blueprint(blueprint)
    place = "/p/<product>" if several else None
    for blueprint in (pages, diffs, dora_pages, deeds, change_requests):
        app.register_blueprint(blueprint, url_prefix=place)
    if several:
        app.register_blueprint(matrix)
        for blueprint in of_product:
            place, name = f"{API}/products/<product>", f"product_{blueprint.name}"
            app.register_blueprint(blueprint, url_prefix=place, name=name)


def _hosts(site: Shared) -> list[str] | None:
    """
    Return the accepted host names of a server on loopback, or None for a public one.

    Prevents DNS rebinding: another site must not read the page through a local browser.
    """
    if site.web.public or not isinstance(site.web.auth, NoSignIn):
        return None
    base = (site.web.base_url or "").partition("://")[2].partition("/")[0].partition(":")[0]
    return ["localhost", "127.0.0.1", "[::1]", *([base] if base else [])]


def _serve_files(app: Flask) -> None:
    """Serve static files under the digest of their content, which browsers cache for a year."""
    folder = Path(__file__).parent / "static"
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    files = {
        file.name: (file.read_bytes(), kinds[file.suffix])
        for file in folder.iterdir()
        if file.suffix in kinds
    }
    marks = {name: hashlib.sha256(content).hexdigest()[:12] for name, (content, _) in files.items()}

    def static(name: str) -> ResponseReturnValue:
        if name not in files:
            return "", 404
        content, kind = files[name]
        answer = Response(content, content_type=f"{kind}; charset=utf-8")
        fresh = request.args.get("v") == marks[name]
        answer.cache_control.max_age = _YEAR if fresh else 0
        answer.cache_control.immutable = fresh
        return answer

    app.add_url_rule("/static/<name>", "static", static)
    app.jinja_env.globals["asset"] = lambda name: url_for("static", name=name, v=marks[name])


def _prepare_templates(app: Flask, site: Shared) -> None:
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.finalize = _finalize
    helpers: dict[str, Callable[..., object]] = {
        name: getattr(formatting, name)
        for name in ("address", "ago", "breakable", "moment", "short", "span", "spoken")
    }
    helpers["lines"] = lambda text: formatting.lines(_commands(text))
    environment.filters.update(
        helpers,
        iso_time=iso_time,
        at=formatting.time_element,
        described=describe,
        merged=merge_spellings,
        shortened=shortened,
        size=size_text,
        unlabelled=without_label,
    )
    environment.globals.update(
        form_token=form_token,
        visitor=visitor,
        operates=lambda: may_operate(visitor()),
        promotes=may_promote,
        waiting=waiting,
        can_sign_in=isinstance(site.web.auth, OidcSignIn),
        decides=not isinstance(site.web.auth, NoSignIn),
        several=site.products.several,
    )
    app.context_processor(partial(_of_product, site))


def _finalize(value: object) -> object:
    if type(value) is str or isinstance(value, PromotionError):
        return formatting.shown(_commands(str(value)))
    return value


def _commands(text: str) -> str:
    """Let the commands in `text` name the product of the page."""
    return with_product(text, product_of_page() or UNNAMED)


def _of_product(site: Shared) -> dict[str, object]:
    """Return the template values about the product of the page, if it has one."""
    found = site.sites.get(product_of_page() or UNNAMED)
    if found is None or not (may_look() and may_view(found)):
        return {"product": None, "reference": None, "looks": may_look()}
    engine = found.platform.engine
    return {
        "looks": True,
        "product": found.platform.product,
        "reference": engine.reference,
        "entry": engine.path.entry.name,
        "environments": engine.path.names,
    }


def _secured(headers: Mapping[str, str], response: Response) -> Response:
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    g.pop("visitor", None)
    g.pop("caller", None)
    return response
