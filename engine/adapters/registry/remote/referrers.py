"""
What is attached to a manifest: the referrers API, and the tag that stands in for it.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
"""

import json
import logging
from collections.abc import Iterable, Sequence
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
    The API of one repository. Whether there is one is found out by the first question and kept.

    An index is the only proof: registries have sent `OCI-Subject` without having the API.
    """

    def __init__(self, session: Session, url: str) -> None:
        self._session = session
        self._url = url
        self._exists: bool | None = None

    def exists(self, subject: Digest, deadline: Deadline, *, acknowledged: bool) -> bool:
        """Whether the API lists what a manifest, stored just now, says of its subject."""
        if self._exists is None:
            if not acknowledged:
                # The specification asks for the fallback then; no question is needed.
                return False
            try:
                return self.listed(subject, None, deadline) is not None
            except (RegistryAccessError, RegistryRefusalError) as error:
                # The fallback tag is written then: superfluous at worst, where the API exists.
                _log.info("whether there is a referrers API is unknown: %s", error)
                return False
        return self._exists

    def listed(
        self, subject: Digest, artifact_type: str | None, deadline: Deadline
    ) -> tuple[Descriptor, ...] | None:
        """The referrers of `subject`, perhaps more than of `artifact_type`; None without an API."""
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
        """Whether `page` comes from the API; remembers that there is none."""
        if page.status == httpx.codes.OK and page.content_type == IMAGE_INDEX:
            return True
        if page.status not in _MISSING:
            # Somebody's web page instead of an index means no API, as oras-go reads it, too.
            expect(page, httpx.codes.OK)
        # A repository that is not there yet says nothing about the API.
        if self._exists is None and "NAME_UNKNOWN" not in codes(page):
            self._exists = False
        return False


def fallback_tag(subject: Digest) -> Tag:
    return Tag(f"sha256-{subject.hex}")


def fallback_index(found: Manifest | None, subject: Digest) -> Manifest | None:
    """
    What stands under the fallback tag, if it is an index of referrers.

    GitLab resolves such a tag to the subject itself when nothing is stored under it.
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


def extended(index: Manifest | None, referrers: Sequence[Descriptor]) -> Manifest:
    """`index` with `referrers` at its end; what others wrote there stays, unknown fields too."""
    document: dict[str, Any] = json.loads(index.content) if index else {"schemaVersion": 2}
    document.setdefault("mediaType", IMAGE_INDEX)
    added = (referrer.to_json() for referrer in referrers)
    document["manifests"] = [*(document.get("manifests") or ()), *added]
    content = json.dumps(document, separators=(",", ":")).encode()
    if len(content) > MAX_MANIFEST_BYTES:
        raise RegistryAnswerError(
            f"the referrers index has no room for {referrers[0].digest}: it would have "
            f"{len(content)} of at most {MAX_MANIFEST_BYTES} bytes. Remove old referrers, or use "
            "a registry with the referrers API"
        )
    return Manifest(content, IMAGE_INDEX)


def possibly(
    descriptors: Iterable[Descriptor], artifact_type: str | None
) -> tuple[Descriptor, ...]:
    """
    Those that may be of `artifact_type`.

    Other tools list their referrers without a type, or with the one of the config, so these are
    kept: the caller fetches each manifest anyway, and that one knows.
    """
    return tuple(
        descriptor
        for descriptor in descriptors
        if artifact_type in (None, descriptor.artifact_type) or _untold(descriptor.artifact_type)
    )


def _untold(artifact_type: str | None) -> bool:
    if artifact_type is None:
        return True
    return ".config." in artifact_type or artifact_type in ("", _EMPTY_CONFIG, _DOCKER_CONFIG)


def _listed(page: Answer) -> tuple[Descriptor, ...]:
    return entries(Manifest(page.body, IMAGE_INDEX))
