"""One question to a registry and its answer, as plain values."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import httpx

from engine.domain.errors import RegistryAnswerError

# Error bodies are for people: more than this is no explanation.
MAX_ERROR_BYTES = 64 * 1024
# So much has to be transferred within the time-out, which counts anew then: a peer that takes or
# sends a byte now and then hangs, too.
STEP_BYTES = 1024 * 1024
_NEXT = re.compile(r'<([^<>]*)>[^,<]*;\s*rel="?next"?', re.IGNORECASE)


class Deadline:
    """The moment by which one call of the port has to be answered, retries included."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        return self._end - time.monotonic()

    def renew(self) -> None:
        """Count from now: what is being transferred has come on."""
        self._end = time.monotonic() + self.seconds


@dataclass(frozen=True)
class Call:
    """
    One request. `limit` bounds the body of a good answer, in bytes; `repeatable` says that sending
    it twice is the same as sending it once; `origin` (scheme, host, port) is where it goes.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    limit: int = MAX_ERROR_BYTES
    repeatable: bool = True
    # Where the body of a good answer goes instead of into memory; each attempt begins it anew.
    into: BinaryIO | None = field(default=None, repr=False)
    # What is sent instead of `content`, begun anew for each attempt; its length is in `headers`.
    pieces: Callable[[], Iterator[bytes]] | None = field(default=None, repr=False)
    # Whether the body of a good answer is left to the caller, who closes `Answer.opened`.
    streamed: bool = False

    @property
    def origin(self) -> tuple[str, str, int | None]:
        return origin(self.url)

    @property
    def host(self) -> str:
        """Host, and port unless it is the scheme's own, as people write them."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def doing(self) -> str:
        """The request as messages name it: without host and query, which may hold secrets."""
        return f"{self.method} {urlsplit(self.url).path}"


@dataclass(frozen=True)
class Answer:
    """What came back: any status below 500 except 429. An error's body may be cut short."""

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
        """`Location` made absolute, as written otherwise: repeated query keys stay repeated."""
        return _joined(self.call, self.headers.get("Location"))

    @property
    def next_page(self) -> str | None:
        """The `Link` with `rel="next"`, made absolute."""
        match = _NEXT.search(self.headers.get("Link", ""))
        return _joined(self.call, match[1] if match else None)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of `url`; ValueError when they cannot be."""
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
        raise RegistryAnswerError(f"registry {call.host} names an impossible address") from error
    if scheme not in ("http", "https") or not host:
        raise RegistryAnswerError(f"registry {call.host} names an address that is not http")
    return url
