"""
A repository in a remote registry.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

import logging
from collections.abc import Sequence
from copy import copy
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, Self

import httpx

from engine.adapters.registry.digest_check import check_digest, check_name, check_saved
from engine.adapters.registry.remote.blob_upload import BlobUpload, open_session
from engine.adapters.registry.remote.blobs import Blobs
from engine.adapters.registry.remote.errors import expect
from engine.adapters.registry.remote.lru_set import LruSet
from engine.adapters.registry.remote.manifests import Manifests
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.referrers import (
    ReferrersApi,
    append_entries,
    entries,
    fallback_index,
    fallback_tag,
    filter_by_type,
    remove_entries,
)
from engine.adapters.registry.remote.session import Session
from engine.adapters.registry.remote.tags import TagList
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    ConfigError,
    ContentMissingError,
    RegistryAccessError,
    RegistryAnswerError,
    TagExistsError,
)
from engine.domain.identity import UserCheck
from engine.domain.manifest import Descriptor, Manifest
from engine.ports.registry import Step, at_once

if TYPE_CHECKING:
    from engine.adapters.registry.remote.probe import RegistryProbe

_log = logging.getLogger(__name__)
_INDEX_WRITES = 3
_MAX_CHECK_SECONDS = 10.0
# More than one operation attaches.
_MAX_UNACKNOWLEDGED = 10_000


class DistributionRegistry:
    """
    Implements `engine.ports.Registry`; thread-safe.

    `root` is `scheme://host`, `reference` the name in messages. Every call ends within
    `timeout_seconds`, retries included.
    """

    def __init__(
        self, session: Session, root: str, repository: str, reference: str, timeout_seconds: float
    ) -> None:
        self._session = session
        self._base = f"{root}/v2/"
        self._url = f"{root}/v2/{repository}"
        self._reference = reference
        self._timeout_seconds = timeout_seconds
        self._manifests = Manifests(session, self._url, reference)
        self._tags = TagList(session, self._url)
        self._api = ReferrersApi(session, self._url)
        self._unacknowledged = LruSet[str](_MAX_UNACKNOWLEDGED)
        self._shared: Deadline | None = None
        self._user_check: UserCheck | None = None
        self.blobs = Blobs(session, root, repository, reference)

    @property
    def reference(self) -> str:
        return self._reference

    @property
    def timeout_seconds(self) -> float:
        return self._timeout_seconds

    def within(self, deadline: Deadline) -> Self:
        """A copy with one `deadline` for all calls together."""
        bounded = copy(self)
        bounded._shared = deadline
        return bounded

    @property
    def accepted_user(self) -> str | None:
        """The user whose password the registry requested and accepted since it was opened."""
        return self._session.accepted_user

    def sign_in(self) -> str | None:
        """
        Sign in with the user name and password for this registry, and return the accepted user.

        None without a password, or if the registry does not ask for it or does not accept it;
        later calls that need the credentials report the error.
        """
        deadline = self._deadline()
        try:
            if not self._session.has_password(deadline):
                return None
            # Registries ask for credentials here (distribution-spec 1.1, "Determining Support").
            self._session.send(Call("GET", self._base), deadline)
        except (ConfigError, RegistryAccessError, RegistryAnswerError) as error:
            _log.info("not signed in to %s: %s", self._reference, error)
            return None
        return self._session.accepted_user

    def check_user(self) -> UserCheck:
        """Check that the registry refuses the password of `sign_in` with a random user name."""
        if self._user_check is None:
            deadline = Deadline(min(self._timeout_seconds, _MAX_CHECK_SECONDS))
            host = self._reference.partition("/")[0]
            no_user = UserCheck(False, f"registry {host} has accepted no user name and password")
            self._user_check = self._session.check_user(deadline) or no_user
        return self._user_check

    def probe(self) -> "RegistryProbe":
        """Probe the features of this registry with the same credentials."""
        # Only `floe doctor` needs it.
        module = import_module("engine.adapters.registry.remote.probe")
        probe: RegistryProbe = module.RegistryProbe(
            self._session, self._base, self._url, self._timeout_seconds
        )
        return probe

    def close(self) -> None:
        self._session.close()

    def resolve(self, tag: Tag) -> Digest | None:
        return self._manifests.resolve(tag, self._deadline())

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        return self._manifests.fetch(reference, self._deadline())

    def holds(self, digest: Digest) -> bool:
        """Whether the manifest exists."""
        return self._manifests.resolve(digest, self._deadline()) == digest

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        if not self._manifests.put(manifest, tag, self._deadline()):
            self._unacknowledged.add(str(manifest.digest))

    def blob(self, digest: str, limit: int) -> bytes:
        content = self._blob(digest, limit).body
        check_digest(digest, [content], self._reference)
        return content

    def save(self, digest: str, size: int, file: BinaryIO) -> None:
        self._blob(digest, size, file)
        check_saved(digest, size, file, self._reference)

    def _blob(self, digest: str, limit: int, into: BinaryIO | None = None) -> Answer:
        check_name(digest)
        call = Call("GET", f"{self._url}/blobs/{digest}", limit=limit, into=into)
        answer = self._session.send(call, self._deadline())
        if answer.status == httpx.codes.NOT_FOUND:
            raise ContentMissingError(
                f"blob {digest} is missing in {self._reference}: "
                "push the artifact it belongs to again"
            )
        return expect(answer, httpx.codes.OK)

    def tags(self) -> tuple[Tag, ...]:
        return self._tags.read(self._deadline())

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        deadline = self._deadline()
        listed = self._api.list(subject, artifact_type, deadline)
        if listed is None:
            listed = entries(self._fallback(subject, deadline))
        return filter_by_type(listed, artifact_type)

    def open_upload(self) -> BlobUpload:
        uploads = f"{self._url}/blobs/uploads/"
        location = open_session(self._session, uploads, self._deadline())
        return BlobUpload(self._session, uploads, location, self._deadline)

    def attach(
        self, subject: Digest, referrer: Descriptor, ready: Step = at_once, listed: Step = at_once
    ) -> None:
        self.attach_all(subject, (referrer,), ready, listed)

    def attach_all(
        self,
        subject: Digest,
        referrers: Sequence[Descriptor],
        ready: Step = at_once,
        listed: Step = at_once,
    ) -> bool:
        """
        Attach several `referrers` in one change of the index, which is read before `ready` is
        called, written, and read back after `listed` was called; False if nothing was changed.
        """
        deadline = self._deadline()
        acknowledged = not any(r.digest in self._unacknowledged for r in referrers)
        if self._api.exists(subject, deadline, acknowledged=acknowledged):
            return False
        for writes_left in reversed(range(_INDEX_WRITES + 1)):
            index = self._fallback(subject, deadline)
            present = {entry.digest for entry in entries(index)}
            missing = [r for r in referrers if r.digest not in present]
            if not missing:
                return writes_left < _INDEX_WRITES
            if writes_left:
                ready()
                self._put_index(append_entries(index, missing), fallback_tag(subject), deadline)
                listed()
        raise RegistryAnswerError(
            f"tag '{fallback_tag(subject)}' in {self._reference} does not keep "
            f"{missing[0].digest}: another writer changes it at the same time, try again"
        )

    def detach(self, subject: Digest, referrers: Sequence[Digest]) -> tuple[Digest, ...]:
        deadline = self._deadline()
        if self._api.list(subject, None, deadline) is None:
            self._unlist(subject, {str(each) for each in referrers}, deadline)
        kept = [each for each in referrers if not self._manifests.delete(each, deadline)]
        # Without the API, only the index lists attached manifests.
        return tuple(kept) if self._api.works else ()

    def _unlist(self, subject: Digest, digests: set[str], deadline: Deadline) -> None:
        """Take `digests` out of the fallback index."""
        for writes_left in reversed(range(_INDEX_WRITES + 1)):
            index = self._fallback(subject, deadline)
            if index is None or digests.isdisjoint(entry.digest for entry in entries(index)):
                return
            if writes_left:
                self._put_index(remove_entries(index, digests), fallback_tag(subject), deadline)
        raise RegistryAnswerError(
            f"tag '{fallback_tag(subject)}' in {self._reference} keeps {min(digests)}: another "
            "writer changes it at the same time, try again"
        )

    def _deadline(self) -> Deadline:
        return self._shared or Deadline(self._timeout_seconds)

    def _fallback(self, subject: Digest, deadline: Deadline) -> Manifest | None:
        return fallback_index(self._manifests.fetch(fallback_tag(subject), deadline), subject)

    def _put_index(self, index: Manifest, tag: Tag, deadline: Deadline) -> None:
        try:
            self._manifests.put(index, tag, deadline)
        except TagExistsError as error:
            raise RegistryAnswerError(
                f"tag '{tag}' in {self._reference} lists the referrers of an artifact and must be "
                "mutable: exempt `sha256-*` from the registry's immutability rule"
            ) from error
