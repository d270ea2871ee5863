"""Blobs of a repository as streams: looked for, opened, mounted, and taken in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx

from engine.adapters.registry.answers import check_stored, codes, expect
from engine.adapters.registry.content import check_name
from engine.adapters.registry.exchange import Answer, Call, Deadline
from engine.adapters.registry.failures import unreachable
from engine.adapters.registry.session import Session
from engine.adapters.registry.upload import GONE, GONE_CODES, OCTETS, blob_url, open_session
from engine.domain.artifact import Digest
from engine.domain.errors import (
    ContentMissingError,
    RegistryAccessError,
    RegistryAnswerError,
    RegistryUnavailableError,
)
from engine.domain.manifest import Descriptor

Pieces = Callable[[], Iterator[bytes]]


class Blobs:
    """The blobs of `repository` at `root` (`scheme://host`), which people know as `reference`."""

    def __init__(self, session: Session, root: str, repository: str, reference: str) -> None:
        self._session = session
        self._url = f"{root}/v2/{repository}/blobs"
        self._reference = reference
        self.root = root
        self.repository = repository

    def holds(self, digest: str, deadline: Deadline) -> bool:
        check_name(digest)
        answer = self._session.send(Call("HEAD", f"{self._url}/{digest}"), deadline)
        if answer.status == httpx.codes.NOT_FOUND:
            return False
        expect(answer, httpx.codes.OK)
        return True

    @contextmanager
    def opened(self, digest: str, deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """The pieces of a blob as they come, neither measured nor checked."""
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
            yield _pieces(answer.call, response)
        finally:
            response.close()

    def mount(self, digest: str, repository: str, deadline: Deadline) -> bool:
        """
        Take `digest` over from another `repository` of the same host (distribution-spec 1.1,
        "Mounting a blob"); False where the registry would rather have it sent.
        """
        query = urlencode({"mount": digest, "from": repository})
        call = Call("POST", f"{self._url}/uploads/?{query}", content=b"")
        try:
            answer = self._session.send(call, deadline)
        except RegistryAccessError:
            # Who may write here need not be allowed to read there.
            return False
        return answer.status == httpx.codes.CREATED

    def send(self, named: Descriptor, pieces: Pieces, deadline: Deadline) -> None:
        """
        Take in the blob `named`; `pieces` begins it anew, and raises rather than end with other
        content. An upload that breaks off is begun once more, in a new session.
        """
        check_name(named.digest)
        answer = self._first_try(named, pieces, deadline)
        if answer is None:
            answer = self._attempt(named, pieces, deadline)
        expect(answer, httpx.codes.CREATED)
        if named.digest.startswith("sha256:"):
            check_stored(answer, Digest(named.digest))

    def _first_try(self, named: Descriptor, pieces: Pieces, deadline: Deadline) -> Answer | None:
        """None when the session is gone, or may be: after a broken connection nobody knows."""
        try:
            answer = self._attempt(named, pieces, deadline)
        except (RegistryAccessError, RegistryAnswerError):
            raise
        except RegistryUnavailableError:
            if deadline.remaining <= 0:
                raise
            return None
        gone = answer.status in GONE or codes(answer) & GONE_CODES
        return None if gone else answer

    def _attempt(self, named: Descriptor, pieces: Pieces, deadline: Deadline) -> Answer:
        # Opened just before the content goes out: a token that has expired is renewed here.
        location = open_session(self._session, f"{self._url}/uploads/", deadline)
        headers = {"Content-Type": OCTETS, "Content-Length": str(named.size)}
        url = blob_url(location, named.digest)
        call = Call("PUT", url, headers, repeatable=False, pieces=pieces)
        return self._session.send(call, deadline)


def _pieces(call: Call, response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw()
    except httpx.TransportError as error:
        raise unreachable(call, error) from error
