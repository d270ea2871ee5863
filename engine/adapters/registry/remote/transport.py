"""Requests over one long-lived connection pool: bounded in time and size, repeated where safe."""

import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import count
from pathlib import Path
from typing import BinaryIO

import httpx

from engine.adapters.registry.remote.connection_errors import is_transient, unreachable
from engine.adapters.registry.remote.errors import explanation
from engine.adapters.registry.remote.messages import (
    MAX_ERROR_BYTES,
    STEP_BYTES,
    Answer,
    Call,
    Deadline,
)
from engine.domain.errors import (
    ConfigError,
    RegistryAnswerError,
    RegistryRefusalError,
    RegistryUnavailableError,
)
from engine.domain.text import printable
from engine.runtime import bounded_http

Observer = Callable[[str, str], None]
# Is called with `answered`, `busy` (429 and 5xx) or `unreachable` after each request.
OutcomeObserver = Callable[[str], None]

_log = logging.getLogger(__name__)
_BUSY = frozenset({429, 500, 502, 503, 504})
# Six attempts in about 1.5 s: a registry that is restarting is often back by then, and a person
# does not wait for one that is not. The first pauses are short because registries on a file
# system answer 500 for the instant in which a tag is being moved.
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
# Where no connection is made at all, three attempts tell as much.
_UNCONNECTED_PAUSES = 2
_CONNECT_SECONDS = 10.0


class _PassingError(Exception):
    """A failure that may be gone in `retry_after` seconds, to be repeated `most` times."""

    def __init__(
        self,
        failure: RegistryUnavailableError,
        retry_after: float = 0.0,
        most: int | None = None,
    ) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.retry_after = retry_after
        self.most = most


class Transport:
    """
    Sends calls to any host; who we are is not its business. Safe to use from several threads.

    `on_request` sees method and path of every request that goes out, repeated ones too. `pauses`
    are those before a request is repeated, in seconds.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        on_request: Observer | None = None,
        pauses: Sequence[float] = PAUSES,
        connections: int = 32,
        on_outcome: OutcomeObserver = lambda _outcome: None,
    ) -> None:
        # httpx logs whole URLs, and the query of a storage URL is a credential.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._on_request = on_request
        self._on_outcome = on_outcome
        self._pauses = pauses
        self._client = bounded_http.open_client(
            verify=tls,
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=30,
            ),
            headers={"User-Agent": "floe", "Accept-Encoding": "identity"},
            # Cookies ignore ports, so one registry's would reach another on the same host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def close(self) -> None:
        self._client.close()

    def send(self, call: Call, deadline: Deadline) -> Answer:
        """
        The answer to `call`, asked again after 429, 5xx and broken connections if it is repeatable.

        RegistryUnavailableError when there is none by `deadline`, RegistryAnswerError for a body
        that is encoded or larger than the call's limit.
        """
        for attempt in count():
            try:
                return self._attempt(call, deadline)
            except _PassingError as passing:
                pauses = self._pauses[: passing.most] if call.repeatable else ()
                wait = _pause(pauses[attempt] if attempt < len(pauses) else None, passing)
                if wait is None or wait >= deadline.remaining:
                    raise passing.failure from passing.__cause__
                _log.info("asking again: %s", passing.failure)
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, call: Call, deadline: Deadline) -> Answer:
        try:
            with bounded_http.exchange_deadline(lambda: deadline.remaining):
                answer = self._exchange(call, deadline)
        except httpx.TransportError as error:
            self._on_outcome("unreachable")
            failure = unreachable(call, error)
            if is_transient(error):
                unconnected = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                most = _UNCONNECTED_PAUSES if unconnected else None
                raise _PassingError(failure, most=most) from error
            raise failure from error
        self._on_outcome("busy" if answer.status in _BUSY else "answered")
        if answer.status in _BUSY:
            raise _PassingError(_busy(answer), _retry_after(answer))
        return answer

    def _exchange(self, call: Call, deadline: Deadline) -> Answer:
        seconds = max(deadline.remaining, 0.001)
        try:
            request = self._client.build_request(
                call.method,
                call.url,
                headers=dict(call.headers),
                content=call.pieces() if call.pieces else call.content,
                timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            )
        except httpx.InvalidURL as error:
            raise RegistryAnswerError(f"{call.host} named an impossible address") from error
        if self._on_request:
            self._on_request(call.method, request.url.path)
        response = self._client.send(request, stream=True, auth=bounded_http.NO_AUTH)
        if call.streamed and response.is_success:
            return Answer(call, response.status_code, response.headers, b"", response)
        try:
            body = _body(call, response, deadline)
        finally:
            response.close()
        return Answer(call, response.status_code, response.headers, body)


def tls_context(ca_file: Path | None, verify: bool) -> ssl.SSLContext:
    """The operating system's authorities and those of `ca_file`, a PEM file."""
    try:
        if ca_file is None:
            return _authorities(None, verify, None)
        status = ca_file.stat()
        return _authorities(ca_file, verify, (status.st_mtime_ns, status.st_size))
    except OSError as error:
        raise ConfigError(
            f"artifacts.registry.tls.ca_file: {ca_file} cannot be used ({error}): "
            "name a PEM file of certificates"
        ) from error


@lru_cache(32)
def _authorities(
    ca_file: Path | None, verify: bool, _written: tuple[int, int] | None
) -> ssl.SSLContext:
    """
    Read authorities once, as there are hundreds of them, and again when the file was written.

    Connections share the context and leave it as it is.
    """
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _body(call: Call, response: httpx.Response, deadline: Deadline) -> bytes:
    def remaining() -> float:
        return deadline.remaining

    if response.status_code >= httpx.codes.BAD_REQUEST:
        return bounded_http.read_start(response, MAX_ERROR_BYTES, remaining)[:MAX_ERROR_BYTES]
    try:
        if call.method == "HEAD":
            # Read to its end, so that the connection can be used again.
            return bounded_http.read_start(response, 0, remaining)
        if call.into is None:
            return bounded_http.read_body(response, call.limit, remaining)
        bounded_http.check_encoding(response)
    except bounded_http.CompressedResponseError as error:
        raise RegistryRefusalError(
            f"registry {call.host} compressed its answer to {call.request}, which was not asked "
            "for: switch that off in the proxy before it"
        ) from error
    except bounded_http.OversizedResponseError as error:
        raise RegistryAnswerError(
            f"registry {call.host} answered {call.request} with more than {call.limit} bytes, "
            "the most that is accepted there"
        ) from error
    return _saved(call.into, response.iter_raw(), call.limit, deadline)


def _saved(file: BinaryIO, chunks: Iterator[bytes], limit: int, deadline: Deadline) -> bytes:
    """
    Write at most `limit` + 1 bytes of `chunks` to `file`, so that the caller notices an excess.

    Large content takes long, so the deadline is for each STEP_BYTES and not for all of them.
    """
    file.seek(0)
    file.truncate()
    left = limit + 1
    since_renewal = 0
    for chunk in chunks:
        file.write(chunk[:left])
        left -= len(chunk)
        if left <= 0:
            break
        since_renewal += len(chunk)
        if since_renewal >= STEP_BYTES:
            since_renewal = 0
            deadline.renew()
    return b""


def _pause(planned: float | None, passing: _PassingError) -> float | None:
    """Seconds before the next attempt, None if there is none. Jitter keeps threads apart."""
    if planned is None:
        return None
    return max(passing.retry_after, planned * random.uniform(0.8, 1.2))  # noqa: S311 - no secret


def _retry_after(answer: Answer) -> float:
    """Seconds, from either form of the header; 0 when it is missing or unreadable."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return 0.0
    return (moment - datetime.now(UTC)).total_seconds()


def _busy(answer: Answer) -> RegistryUnavailableError:
    said = f"registry {answer.call.host} answered {answer.status} to {answer.call.request}"
    if reason := explanation(answer):
        said += f" ({reason})"
    if answer.status != httpx.codes.TOO_MANY_REQUESTS:
        return RegistryUnavailableError(f"{said}: it has a problem of its own, try again later")
    after = printable(answer.headers.get("Retry-After", ""))[:40]
    when = f"in {after} s" if after.isdigit() else after or "later"
    return RegistryUnavailableError(f"{said}: too many requests, try again {when}")
