"""Uploads a blob in two requests (distribution-spec 1.1, "POST then PUT")."""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import httpx

from engine.adapters.registry.remote.errors import check_stored, codes, expect
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.session import Session
from engine.domain.artifact import Digest
from engine.domain.errors import RegistryAnswerError, RegistryError, RegistryUnavailableError
from engine.domain.manifest import Descriptor

_log = logging.getLogger(__name__)
GONE = frozenset({404, 410, 416})
GONE_CODES = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"})
OCTETS = "application/octet-stream"


def open_session(session: Session, url: str, deadline: Deadline) -> str:
    """
    Open an upload session, and return its URL. The registry removes unused sessions, so the
    request is repeatable.
    """
    answer = session.send(Call("POST", url, content=b""), deadline)
    location = expect(answer, httpx.codes.ACCEPTED).location
    if location is None:
        raise RegistryAnswerError(
            f"registry {answer.call.host} opened an upload without a Location header: check the "
            "proxy before it"
        )
    return location


def blob_url(location: str, digest: str) -> str:
    """The URL for the PUT that stores the blob `digest`."""
    # The query is sent back unchanged: some registries repeat keys in it, or sign it.
    parts = urlsplit(location)
    query = f"{parts.query}&digest={digest}".removeprefix("&")
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


class BlobUpload:
    """An open upload session; if it is gone at `finish`, a new one is opened once."""

    def __init__(
        self, session: Session, uploads: str, location: str, deadline: Callable[[], Deadline]
    ) -> None:
        self._session = session
        self._uploads = uploads
        self._location = location
        self._deadline = deadline
        self._used = False

    def finish(self, content: bytes) -> Descriptor:
        self._used = True
        deadline = self._deadline()
        digest = Digest.of(content)
        answer = self._first_try(content, digest, deadline)
        if answer is None:
            location = open_session(self._session, self._uploads, deadline)
            answer = self._put(location, content, digest, deadline)
        expect(answer, httpx.codes.CREATED)
        check_stored(answer, digest)
        return Descriptor(media_type=OCTETS, digest=str(digest), size=len(content))

    def discard(self) -> None:
        """Cancel the upload (Docker's registry API, "Canceling an upload"), if supported."""
        if self._used:
            return
        try:
            # Not retried, since unused sessions expire anyway.
            call = Call("DELETE", self._location, repeatable=False)
            answer = self._session.send(call, self._deadline())
        except RegistryError as error:
            _log.info("unused upload not cancelled, it expires: %s", error)
        else:
            _log.info("cancelled an unused upload: %s", answer.status)

    def _first_try(self, content: bytes, digest: Digest, deadline: Deadline) -> Answer | None:
        """The answer; None if the session is gone, or may be after a broken connection."""
        try:
            answer = self._put(self._location, content, digest, deadline)
        except RegistryUnavailableError as error:
            if deadline.remaining <= 0:
                raise
            _log.info("opening another upload: %s", error)
            return None
        gone = answer.status in GONE or codes(answer) & GONE_CODES
        return None if gone else answer

    def _put(self, location: str, content: bytes, digest: Digest, deadline: Deadline) -> Answer:
        url = blob_url(location, str(digest))
        call = Call("PUT", url, {"Content-Type": OCTETS}, content, repeatable=False)
        return self._session.send(call, deadline)
