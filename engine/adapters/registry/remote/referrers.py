"""
The referrers of a manifest: by the referrers API, or by the referrers tag (its fallback).

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
"""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx

from engine.adapters.registry.remote.errors import codes, expect
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.paging import pages
from engine.adapters.registry.remote.session import Session
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAccessError, RegistryAnswerError, RegistryRefusalError
from engine.domain.manifest import IMAGE_INDEX, MAX_MANIFEST_BYTES, Descriptor, Manifest

_log = logging.getLogger(__name__)
_MISSING = frozenset({400, 404, 405, 406, 501})
_EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


class ReferrersApi:
    """
    The referrers API of one repository; the first request finds out whether it exists.

    Only an index proves it: some registries send `OCI-Subject` without having the API.
    """

    def __init__(self, session: Session, url: str) -> None:
        self._session = session
        self._url = url
        self._exists: bool | None = None

    @property
    def works(self) -> bool | None:
        """Whether the API exists; None before a request has shown it."""
        return self._exists

    def exists(self, subject: Digest, deadline: Deadline, *, acknowledged: bool) -> bool:
        """Whether the API lists the referrers that were just stored for `subject`."""
        if self._exists is None:
            if not acknowledged:
                # The specification then requires the fallback.
                return False
            try:
                return self.list(subject, None, deadline) is not None
            except (RegistryAccessError, RegistryRefusalError) as error:
                # The fallback tag is then written; it does no harm if the API exists.
                _log.info("unknown whether the referrers API exists: %s", error)
                return False
        return self._exists

    def list(
        self, subject: Digest, artifact_type: str | None, deadline: Deadline
    ) -> tuple[Descriptor, ...] | None:
        """The referrers of `subject`, maybe also of other types; None without an API."""
        if self._exists is False:
            return None
        query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
        call = Call(
            "GET",
            f"{self._url}/referrers/{subject}{query}",
            {"Accept": IMAGE_INDEX},
            limit=MAX_MANIFEST_BYTES,
        )
        found: list[Descriptor] = []
        for page in pages(self._session, call, deadline):
            if not self._is_index(page):
                return () if self._exists else None
            found += _listed(page)
        self._exists = True
        return tuple(found)

    def _is_index(self, page: Answer) -> bool:
        """Whether `page` is from the API; remembers if it does not exist."""
        if page.status == httpx.codes.OK and page.content_type == IMAGE_INDEX:
            return True
        if page.status not in _MISSING:
            # A page of another type means that there is no API, as in oras-go.
            expect(page, httpx.codes.OK)
        # A repository that does not exist yet does not answer the question.
        if self._exists is None and "NAME_UNKNOWN" not in codes(page):
            self._exists = False
        return False


def fallback_tag(subject: Digest) -> Tag:
    return Tag(f"sha256-{subject.hex}")


def fallback_index(found: Manifest | None, subject: Digest) -> Manifest | None:
    """
    Return the manifest of the fallback tag if it is an index of referrers.

    GitLab resolves a missing fallback tag to the subject itself.
    """
    if found is None or found.digest == subject or found.media_type != IMAGE_INDEX:
        return None
    return found


def entries(index: Manifest | None) -> tuple[Descriptor, ...]:
    if index is None:
        return ()
    try:
        return index.view.manifests or ()
    except ValueError as error:
        raise RegistryAnswerError(f"the referrers index cannot be read: {error}") from error


def append_entries(index: Manifest | None, referrers: Sequence[Descriptor]) -> Manifest:
    """`index` with `referrers` at its end; other entries and unknown fields stay unchanged."""
    document: dict[str, Any] = json.loads(index.content) if index else {"schemaVersion": 2}
    document.setdefault("mediaType", IMAGE_INDEX)
    added = (referrer.to_json() for referrer in referrers)
    document["manifests"] = [*(document.get("manifests") or ()), *added]
    content = json.dumps(document, separators=(",", ":")).encode()
    if len(content) > MAX_MANIFEST_BYTES:
        raise RegistryAnswerError(
            f"the referrers index is too large to add {referrers[0].digest}: it would have "
            f"{len(content)} of at most {MAX_MANIFEST_BYTES} bytes. Remove old referrers, or use "
            "a registry with the referrers API"
        )
    return Manifest(content, IMAGE_INDEX)


def remove_entries(index: Manifest, digests: Collection[str]) -> Manifest:
    """`index` without the entries `digests`; other entries and unknown fields stay unchanged."""
    document: dict[str, Any] = json.loads(index.content)
    listed = document.get("manifests") or ()
    document["manifests"] = [entry for entry in listed if entry.get("digest") not in digests]
    return Manifest(json.dumps(document, separators=(",", ":")).encode(), IMAGE_INDEX)


def filter_by_type(
    descriptors: Iterable[Descriptor], artifact_type: str | None
) -> tuple[Descriptor, ...]:
    """
    The descriptors that may be of `artifact_type`.

    Other tools list referrers without a type, or with the type of the config. These are kept,
    since the caller fetches each manifest anyway.
    """
    return tuple(
        descriptor
        for descriptor in descriptors
        if artifact_type in (None, descriptor.artifact_type)
        or _is_unknown(descriptor.artifact_type)
    )


def _is_unknown(artifact_type: str | None) -> bool:
    if artifact_type is None:
        return True
    return ".config." in artifact_type or artifact_type in ("", _EMPTY_CONFIG, _DOCKER_CONFIG)


def _listed(page: Answer) -> tuple[Descriptor, ...]:
    return entries(Manifest(page.body, IMAGE_INDEX))
