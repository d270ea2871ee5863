"""Manifests and the tags on them: what is read is checked, what is written goes out unchanged."""

import logging
import time

import httpx

from engine.adapters.registry.remote.errors import (
    check_stored,
    codes,
    expect,
    named_digest,
    refused,
    words,
)
from engine.adapters.registry.remote.lru_set import Recent
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.session import Session
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError, TagExistsError
from engine.domain.manifest import MAX_MANIFEST_BYTES, MEDIA_TYPES, Manifest
from engine.domain.text import printable

_log = logging.getLogger(__name__)
_ACCEPT = {"Accept": ", ".join(MEDIA_TYPES)}
_STORED = frozenset({200, 201, 202})
# Registries with immutable tags refuse a second write with almost any status: ECR and Nexus 400,
# Docker Hub 403, GHCR 409, Harbor 412. These statuses and codes mean something else.
_NOT_IMMUTABLE = frozenset({401, 404, 413, 429})
_CONTENT_MISSING = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"})
# What proxies answer that pass on GET and not HEAD.
_NO_HEAD = frozenset({403, 405, 501})
# A registry on a file system loses sight of a tag for an instant while it is being moved.
_SETTLING = (0.05, 0.2)
_MAX_SEEN = 10_000


class Manifests:
    """The manifests of the repository at `url`, which people know as `reference`."""

    def __init__(self, session: Session, url: str, reference: str) -> None:
        self._session = session
        self._url = url
        self._reference = reference
        self._seen = Recent[Tag](_MAX_SEEN)

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
                f"'{printable(manifest.media_type[:100])}', which is no manifest: "
                "check artifacts.registry.uri"
            )
        expected = reference if isinstance(reference, Digest) else named_digest(answer)
        if expected not in (None, manifest.digest):
            raise RegistryAnswerError(
                f"{self._reference} serves {manifest.digest} as {reference}, which should be "
                f"{expected}: the content was altered, on its way or in the registry"
            )
        return manifest

    def put(self, manifest: Manifest, tag: Tag | None, deadline: Deadline) -> bool:
        """Store `manifest`; False when the registry does not acknowledge a subject in it."""
        # The very bytes go out: a re-serialised manifest would have another digest.
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
            self._already(tag, manifest.digest, answer, deadline)
        else:
            raise refused(answer)
        if tag is not None:
            self._remember(tag)
        return answer.status not in _STORED or "OCI-Subject" in answer.headers

    def _already(self, tag: Tag, digest: Digest, answer: Answer, deadline: Deadline) -> None:
        """A refused tag is done if it names `digest` already, else it is somebody else's."""
        found = self.resolve(tag, deadline)
        if found is None:
            raise refused(answer)
        if found != digest:
            raise TagExistsError(
                f"tag '{tag}' in {self._reference} is {found}, and the registry does not let it "
                f"become {digest} ({words(answer)}): if it has to move, exempt it from the "
                "registry's immutability rule, and check that this account may push",
                {"tag": str(tag), "found": str(found), "wanted": str(digest)},
            )

    def _read(self, method: str, reference: Tag | Digest, deadline: Deadline) -> Answer | None:
        """
        The manifest's answer, None when it is absent.

        Absence of a tag that was there before is asked for again: believing a 404 that only means
        "being moved" would start a ledger or an index anew.
        """
        url = f"{self._url}/manifests/{reference}"
        call = Call(method, url, _ACCEPT, limit=MAX_MANIFEST_BYTES)
        for pause in (*_SETTLING, None):
            answer = self._session.send(call, deadline)
            if method == "HEAD" and answer.status in _NO_HEAD:
                return self._read("GET", reference, deadline)
            if answer.status != httpx.codes.NOT_FOUND:
                self._remember(reference)
                return expect(answer, httpx.codes.OK)
            if pause is None or reference not in self._seen or pause >= deadline.remaining:
                break
            _log.info("asking again for %s in %s: it was there", reference, self._reference)
            time.sleep(pause)
        if isinstance(reference, Tag):
            self._seen.discard(reference)
        return None

    def _remember(self, reference: Tag | Digest) -> None:
        if isinstance(reference, Tag):
            self._seen.add(reference)


def _immutable(answer: Answer) -> bool:
    """Whether `answer` may mean that the tag cannot be written again."""
    if answer.status in _NOT_IMMUTABLE or codes(answer) & _CONTENT_MISSING:
        return False
    return httpx.codes.is_client_error(answer.status)
