"""The HTTP client of a floe server."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import ValidationError

from cli.remote.address import address_text
from cli.remote.errors import Refusal, ServerUnavailableError
from cli.remote.json_exchange import Answer, EndlessAnswerError, exchange
from engine.domain.errors import PromotionError, UsageError
from engine.domain.text import printable
from engine.runtime.bounded_http import open_client

_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.5
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_WHOLE_SECONDS = 120.0
# For requests that read whole ledgers, copy to secondaries or run gates.
_LONG_SECONDS = 3600.0
# A proxy in front of a restarting server sends these.
_PASSING = (502, 503, 504)
_TICKET = "Floe-Ticket"
Json = Any


class Api:
    """
    A client for one server, or one `product` of it if it is not empty.

    It has one token and one trace ID. Never follows redirects, so the token goes to no other host.
    Retries requests that are safe to repeat a few times when no response arrives.
    """

    def __init__(
        self,
        address: httpx.URL,
        token: str | None,
        trace_id: str,
        product: str | None = None,
        pause: Callable[[float], None] = time.sleep,
        whole_seconds: float = _WHOLE_SECONDS,
    ) -> None:
        self.place = address_text(address)
        self.product = product
        self._pause = pause
        self._whole_seconds = whole_seconds
        self._ticket: dict[str, str] = {}
        self._shown = {"Authorization": f"Bearer {token}"} if token is not None else {}
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
        }
        self._client = open_client(
            base_url=f"{self.place}/api/v1/{_path_of(product)}",
            headers=headers,
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        )

    def choose(self, product: str) -> None:
        """Send the next requests to `product`."""
        self.product = product
        self._client.base_url = f"{self.place}/api/v1/{_path_of(product)}"

    def page(self, path: str) -> str:
        """Return the address of a page for people."""
        product = f"/p/{quoted(self.product)}" if self.product else ""
        return f"{self.place}{product}{path}"

    def close(self) -> None:
        self._client.close()

    def get(
        self, path: str, query: Mapping[str, str | None] | None = None, *, long: bool = False
    ) -> Json:
        """Read the document at `path`."""
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        return self._asked("GET", path, again=True, params=asked, long=long)

    def follow(self, change_id: str) -> Json:
        """Read a change that was requested here, with its follow token."""
        path = f"changes/{quoted(change_id)}"
        return self._asked("GET", path, again=True, shown=self._ticket or self._shown)

    def post(self, path: str, body: Mapping[str, Json] | None = None) -> Json:
        """Send a command that must run once, without retries."""
        return self._asked("POST", path, again=False, json=body)

    def order(
        self,
        path: str,
        body: Mapping[str, Json],
        answers: Callable[[Json], bool],
        *,
        long: bool = False,
    ) -> Json:
        """
        Send a command with an idempotency key, which makes retries safe.

        A refusal whose reason code is in `answers` is returned, not raised.
        """
        key = {"Idempotency-Key": str(uuid4())}
        return self._asked(
            "POST", path, again=not long, answers=answers, long=long, json=body, headers=key
        )

    def _asked(
        self,
        method: str,
        path: str,
        *,
        again: bool,
        answers: Callable[[Json], bool] = lambda _: False,
        shown: Mapping[str, str] | None = None,
        **options: Json,
    ) -> Json:
        tries = _TRIES if again else 1
        headers = {**(self._shown if shown is None else shown), **options.pop("headers", {})}
        for number in range(1, tries + 1):
            try:
                answer = self._exchanged(method, path, headers=headers, **options)
            except httpx.RequestError as error:
                if number == tries:
                    raise self._unreached(error, sent=not again) from error
            else:
                passing = answer.status in _PASSING and not answer.is_json
                if not passing or number == tries:
                    return self._read(answer, answers)
            self._pause(_FIRST_PAUSE_SECONDS * 2 ** (number - 1))
        raise AssertionError("the last try returns or raises")

    def _exchanged(self, method: str, path: str, *, long: bool = False, **options: Json) -> Answer:
        seconds = self._whole_seconds
        if long:
            seconds = _LONG_SECONDS
            options["timeout"] = httpx.Timeout(_LONG_SECONDS, connect=_CONNECT_SECONDS)
        try:
            return exchange(self._client, method, path, seconds, **options)
        except EndlessAnswerError as error:
            raise self.strange(str(error)) from error
        except UnicodeEncodeError as error:
            raise UsageError(
                f"'{printable(error.object)}' is not valid UTF-8: type it again as text"
            ) from error
        except httpx.InvalidURL as error:
            # The server's address is valid, so the path is not.
            raise UsageError(f"A value of the command cannot be part of a URL: {error}") from error

    def _read(self, answer: Answer, answers: Callable[[Json], bool]) -> Json:
        """Return the document of `answer`, or raise the PromotionError it describes."""
        if answer.leads_elsewhere:
            raise ServerUnavailableError(
                f"{self.place} sends its callers elsewhere, where the token does not go: set "
                "FLOE_SERVER to the address of the server itself"
            )
        document = answer.document
        if document is not None and (answer.is_success or answers(document)):
            if _TICKET in answer.headers:
                self._ticket = {_TICKET: answer.headers[_TICKET]}
            return document
        raise self._refused(answer)

    def _refused(self, answer: Answer) -> PromotionError:
        try:
            error = Refusal.model_validate(answer.document).error.exception()
        except ValidationError:
            return self.strange(f"HTTP status {answer.status}")
        if answer.status == httpx.codes.UNAUTHORIZED and not self._shown:
            error.args = (sign_in_needed(self.place),)
        return error

    def strange(self, what: str) -> ServerUnavailableError:
        """Return the error for a response that `floe serve` of this version never sends."""
        return ServerUnavailableError(
            f"{self.place} does not answer as `floe serve` does ({what}): see that FLOE_SERVER is "
            "right, and that both are of the same version"
        )

    def _unreached(self, error: httpx.RequestError, *, sent: bool) -> ServerUnavailableError:
        maybe = sent and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        what = str(error) or type(error).__name__
        after = "it may have been done: floe platform changes shows it" if maybe else "try again"
        return ServerUnavailableError(f"{self.place} does not answer ({what}): {after}")


def sign_in_needed(place: str) -> str:
    """Explain how to sign in to the server at `place`."""
    return (
        f"{place} needs to know your identity: run floe login --server {place}, or, in a CI job, "
        "set FLOE_ID_TOKEN to an OIDC token of an issuer in its manifest.yaml"
    )


def quoted(text: str) -> str:
    """Quote one segment of a path; invalid text names nothing on the server."""
    return quote(text, safe="", errors="replace")


def _path_of(product: str | None) -> str:
    """The part of the path that names a product, if one was named."""
    return "" if not product else f"products/{quoted(product)}/"
