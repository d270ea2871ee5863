"""JSON documents of an issuer: from its own origin, bounded in time and size."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from engine.config.addresses import is_loopback
from engine.config.field_types import web_url
from engine.config.wall_clock import exchange_deadline
from engine.domain.text import printable

# The largest sets of keys in public use take some 20 KiB.
_MAX_BYTES = 256 * 1024
_MAX_URL = 2000
_MAX_REDIRECTS = 3
# httpx would find credentials in .netrc, and in what a redirect has before its host.
_NO_AUTH = httpx.Auth()


class DocumentError(Exception):
    """Why a document cannot be had or believed: the rest of a sentence that begins `issuer …`."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: bytes


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
            if not answer.location:
                return _object(answer)
            place = _redirected(place, answer.location)
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
        raise DocumentError("has its keys at an address without https, where anybody may answer")
    return value


def _ask(client: httpx.Client, url: str, end: float) -> _Answer:
    try:
        request = client.build_request(
            "GET",
            url,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=max(end - time.monotonic(), 0.001),
        )
        with exchange_deadline(lambda: end - time.monotonic()):
            response = client.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
            try:
                body = _body(response, end)
            finally:
                response.close()
    except httpx.InvalidURL as error:
        raise DocumentError("names an address that is no URL") from error
    except httpx.TransportError as error:
        raise DocumentError(_unreachable(error)) from error
    location = response.headers.get("Location", "") if response.has_redirect_location else ""
    return _Answer(response.status_code, location, body)


def _body(response: httpx.Response, end: float) -> bytes:
    """The body as it came: what was compressed unasked is not unpacked, so it cannot swell."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DocumentError("compressed its answer, which was not asked for")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise DocumentError(f"answered with more than {_MAX_BYTES // 1024} KiB")
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the body comes too slowly")
    return bytes(body)


def _object(answer: _Answer) -> Mapping[str, object]:
    if answer.status != httpx.codes.OK:
        raise DocumentError(f"answered {answer.status}")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise DocumentError("answered with what is not JSON") from error
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
