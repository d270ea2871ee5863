"""The address of a server, and the token it is shown: refused before anything is sent."""

import re
from ipaddress import ip_address
from pathlib import Path

import httpx

from engine.config.products import product_name
from engine.config.yaml_loader import read_document
from engine.domain.errors import ConfigError

# RFC 6750, section 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


def address_of(text: str, setting: str = "FLOE_SERVER") -> httpx.URL:
    """The value of `setting` as a URL: https, or http on loopback only, since tokens go there."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise ConfigError(f"{setting} is no address ({error}): {_EXAMPLE}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"{setting} is no address of a server: {_EXAMPLE}")
    if url.userinfo or url.query or url.fragment:
        raise ConfigError(
            f"{setting} is an address and nothing else, without a user, a query or a fragment: "
            f"{_EXAMPLE}"
        )
    if url.scheme == "http" and not _loopback(url.host):
        raise ConfigError(
            f"{setting} is http://{url.host}, which sends the token unencrypted: use https://"
        )
    return url


def address_text(address: httpx.URL) -> str:
    """Write the address of a server in its one form, by which sign-ins are stored."""
    return str(address).rstrip("/")


def token_of(text: str) -> str | None:
    """FLOE_ID_TOKEN as it goes into a header; its value is never shown."""
    if text and not _TOKEN.fullmatch(text):
        raise ConfigError("FLOE_ID_TOKEN is no token: it has characters that no token has")
    return text or None


_EXAMPLE = "set it to where `floe serve` is reached, like https://floe.example.com"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def product_here() -> str | None:
    """The product of the manifest in the working directory, which may be another file's."""
    try:
        return product_name(read_document(Path("manifest.yaml")))
    except ConfigError:
        return None
