"""One answer of a server: all of it, unless it is too much or takes too long."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from engine.config.wall_clock import exchange_deadline

MAX_BYTES = 64 * 1024 * 1024
# What `floe serve` says is a dozen deep; what is much deeper cannot be printed again.
_MAX_DEPTH = 100
_JSON = "application/json"
Json = Any


class EndlessAnswerError(Exception):
    """Why an answer was not read to its end."""


@dataclass(frozen=True)
class Answer:
    """`document` is what its JSON says; None where it has none that can be read."""

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
    Ask, and read what is answered; httpx.RequestError where nothing is.

    EndlessAnswerError for an answer that is not whole `seconds` after it was asked for, or larger
    than MAX_BYTES. `client` is `held`, so that slow headers end then, too.
    """
    end = time.monotonic() + seconds
    try:
        with exchange_deadline(lambda: end - time.monotonic()):
            return _exchanged(client, method, path, **options)
    except httpx.ReadTimeout as error:
        if time.monotonic() < end:
            raise
        raise EndlessAnswerError(f"an answer that takes longer than {seconds:g} s") from error


def _exchanged(client: httpx.Client, method: str, path: str, **options: Json) -> Answer:
    """The body is read as it comes: what was compressed unasked swells to any size."""
    with client.stream(method, path, **options) as answer:
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise EndlessAnswerError("it compressed its answer, which was not asked for")
        body = bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > MAX_BYTES:
                raise EndlessAnswerError(f"an answer of more than {MAX_BYTES >> 20} MiB")
    document = _read(bytes(body)) if _kind(answer.headers) == _JSON else None
    return Answer(answer.status_code, answer.headers, document)


def _kind(headers: httpx.Headers) -> str:
    return str(headers.get("Content-Type", "")).partition(";")[0].strip()


def _read(body: bytes) -> Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if _shallow(document) else None


def _shallow(document: Json) -> bool:
    """Whether it is at most _MAX_DEPTH deep."""
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
