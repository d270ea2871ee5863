"""Streams blobs of a repository: existence check, download, mount and upload."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlencode

import httpx

from engine.adapters.registry.digest_check import check_name
from engine.adapters.registry.remote.blob_upload import (
    GONE,
    GONE_CODES,
    OCTETS,
    blob_url,
    open_session,
)
from engine.adapters.registry.remote.connection_errors import never_connected, unreachable
from engine.adapters.registry.remote.errors import check_stored, codes, expect
from engine.adapters.registry.remote.messages import STEP_BYTES, Answer, Call, Deadline
from engine.adapters.registry.remote.session import Session
from engine.domain.artifact import Digest
from engine.domain.errors import (
    ContentMissingError,
    RegistryAccessError,
    RegistryAnswerError,
    RegistryError,
    RegistryRefusalError,
    RegistryUnavailableError,
)
from engine.domain.manifest import Descriptor
from engine.runtime import bounded_http

_log = logging.getLogger(__name__)
# The share of the timeout for requests that only save an upload.
_OPTIONAL_SHARE = 0.3

Pieces = Callable[[], Iterator[bytes]]


class Blobs:
    """The blobs of `repository` at `root` (`scheme://host`); messages call it `reference`."""

    def __init__(self, session: Session, root: str, repository: str, reference: str) -> None:
        self._session = session
        self._url = f"{root}/v2/{repository}/blobs"
        self._reference = reference
        self.root = root
        self.repository = repository

    def holds(self, named: Descriptor, deadline: Deadline) -> bool | None:
        """
        Whether the blob exists: False also if the registry refuses to answer, None if it does not
        answer. Unless the result is True, the blob must be sent.
        """
        check_name(named.digest)
        url = f"{self._url}/{named.digest}"
        with suppress(RegistryRefusalError):
            answer = self._send_optional(Call("HEAD", url), deadline)
            if answer is None:
                return None
            if answer.status in (httpx.codes.OK, httpx.codes.NOT_FOUND):
                return answer.status == httpx.codes.OK
        # Storage behind a redirect often supports only GET; one byte is enough.
        first_byte = {"Range": "bytes=0-0"}
        with suppress(RegistryRefusalError):
            answer = self._send_optional(Call("GET", url, first_byte, streamed=True), deadline)
            if answer is None or answer.opened is None:
                return False
            answer.opened.close()
            return _whole_size(answer) == str(named.size)
        return False

    @contextmanager
    def open(self, digest: str, deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """Stream the pieces of a blob; size and digest are not checked."""
        check_name(digest)
        call = Call("GET", f"{self._url}/{digest}", streamed=True)
        answer = self._session.send(call, deadline)
        if answer.status == httpx.codes.NOT_FOUND:
            raise ContentMissingError(
                f"blob {digest} is missing in {self._reference}: "
                "push the artifact it belongs to again"
            )
        response = expect(answer, httpx.codes.OK).opened
        if response is None:
            raise RegistryAnswerError(f"{self._reference} sent no content for blob {digest}")
        try:
            yield _pieces(answer.call, response, deadline.seconds)
        finally:
            response.close()

    def mount(self, digest: str, repository: str, deadline: Deadline) -> bool:
        """
        Mount `digest` from another `repository` of the same host (distribution-spec 1.1,
        "Mounting a blob"); False if it must be sent.
        """
        query = urlencode({"mount": digest, "from": repository})
        call = Call("POST", f"{self._url}/uploads/?{query}", content=b"")
        try:
            answer = self._send_optional(call, deadline)
        except (RegistryAccessError, RegistryRefusalError):
            # The account may lack read access to the other repository.
            return False
        return answer is not None and answer.status == httpx.codes.CREATED

    def _send_optional(self, call: Call, deadline: Deadline) -> Answer | None:
        """
        Send `call`, which can only save an upload: None if there is no answer in a share of the
        time. RegistryUnavailableError if the registry cannot be reached at all.
        """
        part = Deadline(min(deadline.remaining, deadline.seconds * _OPTIONAL_SHARE))
        try:
            return self._session.send(call, part)
        except (RegistryAccessError, RegistryRefusalError):
            raise
        except RegistryError as error:
            if deadline.remaining <= 0 or never_connected(error, self.root):
                raise
            _log.info("unknown whether %s has a blob: %s", self._reference, error)
            return None

    def send(self, named: Descriptor, pieces: Pieces, deadline: Deadline) -> None:
        """
        Upload the blob `named`. Each call of `pieces` starts from its beginning, and raises if the
        content is wrong. An upload that breaks off is retried once, in a new session.
        """
        check_name(named.digest)
        answer = self._first_try(named, pieces, deadline)
        if answer is None:
            answer = self._attempt(named, pieces, deadline)
        expect(answer, httpx.codes.CREATED)
        if named.digest.startswith("sha256:"):
            check_stored(answer, Digest(named.digest))

    def _first_try(self, named: Descriptor, pieces: Pieces, deadline: Deadline) -> Answer | None:
        """The answer; None if the session is gone, or may be after a broken connection."""
        try:
            answer = self._attempt(named, pieces, deadline)
        except RegistryUnavailableError:
            if deadline.remaining <= 0:
                raise
            return None
        gone = answer.status in GONE or codes(answer) & GONE_CODES
        return None if gone else answer

    def _attempt(self, named: Descriptor, pieces: Pieces, deadline: Deadline) -> Answer:
        # Opening the session right before the upload also renews an expired token.
        location = open_session(self._session, f"{self._url}/uploads/", deadline)
        headers = {"Content-Type": OCTETS, "Content-Length": str(named.size)}
        url = blob_url(location, named.digest)
        call = Call("PUT", url, headers, repeatable=False, pieces=pieces)
        return self._session.send(call, deadline)


def _whole_size(answer: Answer) -> str:
    """The size of the whole blob in the answer to a range request."""
    if answer.status == httpx.codes.PARTIAL_CONTENT:
        return str(answer.headers.get("Content-Range", "")).rpartition("/")[2]
    return str(answer.headers.get("Content-Length", ""))


def _pieces(call: Call, response: httpx.Response, seconds: float) -> Iterator[bytes]:
    """
    Yield the content of `response`; each STEP_BYTES must arrive within `seconds`, not counting
    the time that the caller needs for a piece.
    """
    chunks = response.iter_raw()
    waited, received = 0.0, 0
    while True:
        deadline = Deadline(seconds - waited)
        try:
            chunk = _next(chunks, deadline)
        except httpx.TransportError as error:
            raise unreachable(call, error) from error
        if not chunk:
            return
        waited, received = seconds - deadline.remaining, received + len(chunk)
        if received >= STEP_BYTES:
            waited, received = 0.0, 0
        yield chunk


def _next(chunks: Iterator[bytes], deadline: Deadline) -> bytes:
    """The next chunk, empty at the end; httpx.ReadTimeout at the deadline."""
    with bounded_http.exchange_deadline(lambda: deadline.remaining):
        return next(chunks, b"")
