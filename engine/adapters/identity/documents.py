"""JSON documents of an issuer: from its own origin, bounded in time and size."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin, urlsplit

import httpx

from engine.config.addresses import is_loopback
from engine.config.field_types import web_url
from engine.domain.text import printable
from engine.runtime import bounded_http

# The largest sets of keys in public use take some 20 KiB.
_MAX_BYTES = 256 * 1024
_MAX_URL = 2000
_MAX_REDIRECTS = 3


class DocumentError(Exception):
    """Why a document cannot be had or believed: the rest of a sentence that begins `issuer …`."""


def fetch(client: httpx.Client, url: str, timeout_seconds: float) -> Mapping[str, object]:
    """
    The JSON object at `url`, at most 256 KiB of it; DocumentError when there is none in time.

    Redirects are followed three times, and only within the origin of `url`.
    """
    end = time.monotonic() + timeout_seconds
    place = url
    try:
        for _ in range(_MAX_REDIRECTS + 1):
            answer = _ask(client, place, end)
            if not answer.has_redirect_location:
                return _object(answer)
            place = _redirected(place, answer.headers["Location"])
    except DocumentError as error:
        raise DocumentError(f"{error} ({url})") from error
    raise DocumentError(f"redirects more than {_MAX_REDIRECTS} times ({url})")


def secure_url(value: object, *, loopback: bool) -> str:
    """`value` as an https URL, or an http one on this machine where `loopback`; DocumentError."""
    if not isinstance(value, str) or len(value) > _MAX_URL:
        raise DocumentError("does not say where its keys are")
    try:
        parts = urlsplit(web_url(value))
    except ValueError as error:
        raise DocumentError("has its keys at an address that is no URL") from error
    local = loopback and is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not local:
        raise DocumentError("has its keys at an address without https, which others can intercept")
    return value


def _ask(client: httpx.Client, url: str, end: float) -> httpx.Response:
    seconds = max(end - time.monotonic(), 0.001)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        request = client.build_request("GET", url, headers=headers, timeout=seconds)
        return bounded_http.exchange(client, request, seconds, _MAX_BYTES)
    except httpx.InvalidURL as error:
        raise DocumentError("names an address that is no URL") from error
    except bounded_http.CompressedResponseError as error:
        raise DocumentError("compressed its answer, which was not asked for") from error
    except bounded_http.OversizedResponseError as error:
        raise DocumentError(f"answered with more than {_MAX_BYTES // 1024} KiB") from error
    except httpx.TransportError as error:
        raise DocumentError(_unreachable(error)) from error


def _object(answer: httpx.Response) -> Mapping[str, object]:
    if answer.status_code != httpx.codes.OK:
        raise DocumentError(f"answered {answer.status_code}")
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise DocumentError("answered with something that is not JSON") from error
    if not isinstance(document, dict):
        raise DocumentError("answered with JSON that is no object")
    return document


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        same = _origin(target) == _origin(url)
    except ValueError as error:
        raise DocumentError("redirects to an address that is no URL") from error
    if not same:
        raise DocumentError("redirects to another origin, which is not followed")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _unreachable(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has a certificate that is not trusted: {cause.verify_message}"
    return f"cannot be reached: {printable(str(error))[:200]}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
