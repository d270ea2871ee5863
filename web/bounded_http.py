"""Answers of others that are read only so far and so long: whole, they could be without an end."""

import time
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

_MAX_BYTES = 256 * 1024
_CHUNK = 16 * 1024


class Bounded(HTTPAdapter):
    """
    Reads at most 256 KiB of a body, for at most `seconds`; requests.RequestException beyond.

    Bodies stay as they came: one that was compressed unasked is not unpacked.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def send(
        self, request: requests.PreparedRequest, *given: Any, **named: Any
    ) -> requests.Response:
        end = time.monotonic() + self._seconds
        request.headers["Accept-Encoding"] = "identity"
        answer = super().send(request, *given, **(named | {"stream": True}))
        try:
            answer.raw = BytesIO(self._body(answer.raw, end))
        except (HTTPError, OSError) as error:
            raise requests.ConnectionError("a body that ends in its middle") from error
        return answer

    def _body(self, raw: Any, end: float) -> bytes:
        body = bytearray()
        try:
            while chunk := raw.read1(_CHUNK, decode_content=False):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise requests.RequestException("a body that is too large")
                if time.monotonic() > end:
                    raise requests.Timeout("a body that comes too slowly")
        finally:
            raw.close()
        return bytes(body)
