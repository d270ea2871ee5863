"""Reads and writes manifests and tags; content is checked on reading, and written unchanged."""

import logging
import time

import httpx

from engine.adapters.registry.remote.errors import (
    check_stored,
    codes,
    expect,
    named_digest,
    refusal,
    summary,
)
from engine.adapters.registry.remote.lru_set import LruSet
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.session import Session
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAccessError, RegistryAnswerError, TagExistsError
from engine.domain.manifest import MAX_MANIFEST_BYTES, MEDIA_TYPES, Manifest
from engine.domain.text import printable

_log = logging.getLogger(__name__)
_ACCEPT = {"Accept": ", ".join(MEDIA_TYPES)}
_STORED = frozenset({200, 201, 202})
# Registries refuse to overwrite an immutable tag with almost any status: ECR and Nexus 400,
# Docker Hub 403, GHCR 409, Harbor 412. These statuses and codes mean something else.
_NOT_IMMUTABLE = frozenset({401, 404, 413, 429})
_CONTENT_MISSING = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"})
# Statuses of proxies that support GET but not HEAD.
_NO_HEAD = frozenset({403, 405, 501})
# Statuses of registries that delete nothing, or not for this account or manifest.
_NO_DELETE = frozenset({400, 403, 405, 409, 412, 501})
# Registries on a file system answer 404 for a moment while a tag is moved.
_PAUSES = (0.05, 0.2)
_MAX_SEEN = 10_000


class Manifests:
    """The manifests of the repository at `url`; messages call it `reference`."""

    def __init__(self, session: Session, url: str, reference: str) -> None:
        self._session = session
        self._url = url
        self._reference = reference
        self._seen = LruSet[Tag](_MAX_SEEN)

    def resolve(self, reference: Tag | Digest, deadline: Deadline) -> Digest | None:
        answer = self._read("HEAD", reference, deadline)
        if answer is None:
            return None
        if named := named_digest(answer):
            return named
        manifest = self.fetch(reference, deadline)
        return manifest.digest if manifest else None

    def fetch(self, reference: Tag | Digest, deadline: Deadline) -> Manifest | None:
        answer = self._read("GET", reference, deadline)
        if answer is None:
            return None
        manifest = Manifest(answer.body, answer.content_type)
        if manifest.media_type not in MEDIA_TYPES:
            raise RegistryAnswerError(
                f"{self._reference} serves {reference} as "
                f"'{printable(manifest.media_type[:100])}', which is not a manifest type: "
                "check artifacts.registry.uri"
            )
        expected = reference if isinstance(reference, Digest) else named_digest(answer)
        if expected not in (None, manifest.digest):
            raise RegistryAnswerError(
                f"{self._reference} serves {manifest.digest} as {reference}, which should be "
                f"{expected}: the content was altered in the registry or on the network"
            )
        return manifest

    def put(self, manifest: Manifest, tag: Tag | None, deadline: Deadline) -> bool:
        """Store `manifest`; False when the registry does not acknowledge a subject in it."""
        # The original bytes are sent: a re-serialised manifest would have another digest.
        call = Call(
            "PUT",
            f"{self._url}/manifests/{tag or manifest.digest}",
            {"Content-Type": manifest.media_type},
            manifest.content,
        )
        answer = self._session.send(call, deadline)
        if answer.status in _STORED:
            check_stored(answer, manifest.digest)
            _log.info("stored %s as %s in %s", manifest.digest, tag or "itself", self._reference)
        elif tag is not None and _immutable(answer):
            self._check_present(tag, manifest.digest, answer, deadline)
        else:
            raise refusal(answer)
        if tag is not None:
            self._remember(tag)
        return answer.status not in _STORED or "OCI-Subject" in answer.headers

    def delete(self, digest: Digest, deadline: Deadline) -> bool:
        """Delete the manifest `digest`; False if the registry does not allow it."""
        call = Call("DELETE", f"{self._url}/manifests/{digest}")
        try:
            answer = self._session.send(call, deadline)
        except RegistryAccessError as error:
            _log.info("%s keeps %s: %s", self._reference, digest, error)
            return False
        if answer.status in _NO_DELETE:
            _log.info("%s keeps %s: %s", self._reference, digest, summary(answer))
            return False
        expect(answer, httpx.codes.OK, httpx.codes.ACCEPTED, httpx.codes.NOT_FOUND)
        return True

    def _check_present(self, tag: Tag, digest: Digest, answer: Answer, deadline: Deadline) -> None:
        """Raise the refusal `answer` of a tag, unless the tag already points to `digest`."""
        found = self.resolve(tag, deadline)
        if found is None:
            raise refusal(answer)
        if found != digest:
            raise TagExistsError(
                f"tag '{tag}' in {self._reference} is {found}, and the registry refuses to move it "
                f"to {digest} ({summary(answer)}): if it must move, exempt it from the "
                "registry's immutability rule, and check that this account may push",
                {"tag": str(tag), "found": str(found), "wanted": str(digest)},
            )

    def _read(self, method: str, reference: Tag | Digest, deadline: Deadline) -> Answer | None:
        """
        The answer with the manifest; None if it does not exist.

        A 404 for a tag that existed before is requested again: the tag may be moving right now,
        and a wrong "absent" would start a new ledger or index.
        """
        url = f"{self._url}/manifests/{reference}"
        call = Call(method, url, _ACCEPT, limit=MAX_MANIFEST_BYTES)
        for pause in (*_PAUSES, None):
            answer = self._session.send(call, deadline)
            if method == "HEAD" and answer.status in _NO_HEAD:
                return self._read("GET", reference, deadline)
            if answer.status != httpx.codes.NOT_FOUND:
                self._remember(reference)
                return expect(answer, httpx.codes.OK)
            if pause is None or reference not in self._seen or pause >= deadline.remaining:
                break
            _log.info("retrying %s in %s: the tag existed before", reference, self._reference)
            time.sleep(pause)
        if isinstance(reference, Tag):
            self._seen.discard(reference)
        return None

    def _remember(self, reference: Tag | Digest) -> None:
        if isinstance(reference, Tag):
            self._seen.add(reference)


def _immutable(answer: Answer) -> bool:
    """Whether `answer` may mean that the tag is immutable."""
    if answer.status in _NOT_IMMUTABLE or codes(answer) & _CONTENT_MISSING:
        return False
    return httpx.codes.is_client_error(answer.status)
