"""Requests to a registry and their answers, as plain values."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import httpx

from engine.domain.errors import RegistryAnswerError

# Explanations in error bodies are short; the rest is not read.
MAX_ERROR_BYTES = 64 * 1024
# The timeout restarts only after this much was transferred, so that a trickling peer times out.
STEP_BYTES = 1024 * 1024
_NEXT = re.compile(r'<([^<>]*)>[^,<]*;\s*rel="?next"?', re.IGNORECASE)


class Deadline:
    """The time by which one call of the port must end, retries included."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        return self._end - time.monotonic()

    def renew(self) -> None:
        """Restart the timeout after progress of a transfer."""
        self._end = time.monotonic() + self.seconds


@dataclass(frozen=True)
class Call:
    """
    One request. `limit` is the maximum size of a successful body, in bytes; `repeatable` means
    that sending it twice has the same effect; `origin` is its scheme, host and port.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    limit: int = MAX_ERROR_BYTES
    repeatable: bool = True
    # A file for a successful body, instead of memory; each attempt overwrites it.
    into: BinaryIO | None = field(default=None, repr=False)
    # A stream to send instead of `content`, restarted at each attempt; `headers` has its length.
    pieces: Callable[[], Iterator[bytes]] | None = field(default=None, repr=False)
    # Whether the caller reads a successful body, and closes `Answer.opened`.
    streamed: bool = False

    @property
    def origin(self) -> tuple[str, str, int | None]:
        return origin(self.url)

    @property
    def host(self) -> str:
        """Host and port as written in the URL, without a user."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def request(self) -> str:
        """Method and path for messages, without the query, which may contain secrets."""
        return f"{self.method} {urlsplit(self.url).path}"


@dataclass(frozen=True)
class Answer:
    """A response with a status below 500 except 429; the body of an error may be truncated."""

    call: Call
    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)
    opened: httpx.Response | None = field(default=None, repr=False)

    @property
    def content_type(self) -> str:
        written = str(self.headers.get("Content-Type", ""))
        return written.partition(";")[0].strip().lower()

    @property
    def location(self) -> str | None:
        """`Location` as an absolute URL; its query stays as written."""
        return _joined(self.call, self.headers.get("Location"))

    @property
    def next_page(self) -> str | None:
        """The `Link` with `rel="next"` as an absolute URL."""
        match = _NEXT.search(self.headers.get("Link", ""))
        return _joined(self.call, match[1] if match else None)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of `url`; ValueError if it is not valid."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _joined(call: Call, target: str | None) -> str | None:
    if not target:
        return None
    try:
        url = urljoin(call.url, target)
        scheme, host, _ = origin(url)
    except ValueError as error:
        raise RegistryAnswerError(f"registry {call.host} sent an invalid URL") from error
    if scheme not in ("http", "https") or not host:
        raise RegistryAnswerError(f"registry {call.host} sent a URL that is not http")
    return url
