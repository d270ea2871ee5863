"""Exchange a request for a JSON response, within limits of size and time."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from engine.runtime import bounded_http

MAX_BYTES = 64 * 1024 * 1024
# Answers of `floe serve` are a dozen levels deep; much deeper JSON cannot be printed.
_MAX_DEPTH = 100
_JSON = "application/json"
Json = Any


class EndlessAnswerError(Exception):
    """The reason why a response was not read to its end."""


@dataclass(frozen=True)
class Answer:
    """A response. `document` is its JSON, or None without valid JSON."""

    status: int
    headers: httpx.Headers
    document: Json

    @property
    def is_json(self) -> bool:
        return _kind(self.headers) == _JSON

    @property
    def is_success(self) -> bool:
        return httpx.codes.is_success(self.status)

    @property
    def leads_elsewhere(self) -> bool:
        return httpx.codes.is_redirect(self.status)


def exchange(
    client: httpx.Client, method: str, path: str, seconds: float, **options: Json
) -> Answer:
    """
    Send a request and read the JSON of the response; httpx.RequestError when there is none.

    EndlessAnswerError for a response that takes longer than `seconds`, is larger than MAX_BYTES or
    is compressed.
    """
    end = time.monotonic() + seconds
    request = client.build_request(method, path, **options)
    try:
        response = bounded_http.exchange(client, request, seconds, MAX_BYTES)
    except bounded_http.CompressedResponseError as error:
        raise EndlessAnswerError("it compressed its answer, which was not asked for") from error
    except bounded_http.OversizedResponseError as error:
        raise EndlessAnswerError(f"an answer of more than {MAX_BYTES >> 20} MiB") from error
    except httpx.ReadTimeout as error:
        if time.monotonic() < end:
            raise
        raise EndlessAnswerError(f"an answer that takes longer than {seconds:g} s") from error
    document = _read(response.content) if _kind(response.headers) == _JSON else None
    return Answer(response.status_code, response.headers, document)


def _kind(headers: httpx.Headers) -> str:
    return str(headers.get("Content-Type", "")).partition(";")[0].strip()


def _read(body: bytes) -> Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if _shallow(document) else None


def _shallow(document: Json) -> bool:
    """Return whether `document` is at most _MAX_DEPTH deep."""
    level = [document]
    for _ in range(_MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return True
    return False


def _inside(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
