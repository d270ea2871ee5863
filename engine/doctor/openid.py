"""Tries the discovery and the keys of OpenID issuers."""

import time
from collections.abc import Iterable
from contextlib import closing
from functools import partial

import httpx

from engine.adapters.identity.documents import DocumentError, fetch
from engine.adapters.identity.issuer import Issuer
from engine.config import Config
from engine.config.issuers import OidcSignIn
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import System, Tries
from engine.domain.errors import IdentityUnavailableError
from engine.domain.text import printable
from engine.runtime.bounded_http import BoundedTransport, open_client
from engine.runtime.openid_client import MAX_BYTES, SECONDS, OpenIdClient

_CHART = Chart("sign-in")


def openid_systems(config: Config) -> Iterable[System]:
    """Each issuer of `identity.oidc`, and the provider of the page; both take their time."""
    issuers = dict.fromkeys(each.issuer for each in config.identity.oidc)
    auth = config.web.auth
    if not issuers and not isinstance(auth, OidcSignIn):
        yield System(_CHART.system, _unconfigured)
    for issuer in issuers:
        yield System(f"{_CHART.system} {issuer}", partial(_issuer, issuer))
    if isinstance(auth, OidcSignIn):
        yield System(f"{_CHART.system} on the page", partial(_page, auth))


def _unconfigured() -> Tries:
    yield _CHART.not_tried("discovery", "manifest.yaml names no OpenID issuer")


def _issuer(issuer: str) -> Tries:
    yield _keys(issuer, "identity.oidc")


def _page(auth: OidcSignIn) -> Tries:
    """Try the provider as the page asks it: not through the proxies of the environment."""
    tls = httpx.create_ssl_context(trust_env=False)
    client = OpenIdClient(
        auth.issuer, auth.client_id, "web.auth", lambda: BoundedTransport(tls, SECONDS, MAX_BYTES)
    )
    try:
        client.discover()
    except IdentityUnavailableError as error:
        yield _CHART.error(f"page, {auth.issuer}", error)
        return
    yield _CHART.passed(f"page, {auth.issuer}", "its discovery document has the endpoints")
    yield _keys(auth.issuer, "web.auth")


def _keys(issuer: str, setting: str) -> Diagnosis:
    name = f"keys of {issuer}"
    with closing(open_client(headers={"User-Agent": "floe"})) as client:
        found = Issuer(issuer, lambda url: fetch(client, url, SECONDS), time.monotonic)
        try:
            keys = found.fetch_keys()
        except DocumentError as error:
            return _CHART.failed(
                name,
                f"the issuer {printable(str(error))}",
                f"Correct {setting}.issuer, which must be exactly the issuer in "
                "/.well-known/openid-configuration, or the network between it and this machine",
                IdentityUnavailableError,
            )
    return _CHART.passed(name, f"{len(keys)} keys can verify its tokens")
