"""A repository in an OCI registry, for reading and for writing."""

from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol, runtime_checkable

from engine.domain.artifact import Digest, Tag
from engine.domain.identity import UserCheck
from engine.domain.manifest import Descriptor, Manifest

# Called at a point of an exchange.
Step = Callable[[], object]


def at_once() -> None:
    """Return at once; the default where nothing has to be waited for."""


class RegistryReader(Protocol):
    """
    Reads one repository. Planning gets only this interface, so a dry run cannot write.

    Methods raise a RegistryError: RegistryUnavailableError without a usable response within the
    configured time, RegistryAccessError for 401 and 403 (which never mean "absent"), and
    RegistryAnswerError for an inconsistent response.
    """

    @property
    def reference(self) -> str:
        """`host/repository`, or the path of a layout; `@sha256:…` can be appended."""
        ...

    def resolve(self, tag: Tag) -> Digest | None:
        """Find the digest of `tag`; None if there is no such tag. One request."""
        ...

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        """
        Fetch a manifest of any of the four media types, as stored, at most 4 MiB; None if absent.

        RegistryAnswerError if the content does not have the requested digest, or the one that the
        registry names. One request.
        """
        ...

    def blob(self, digest: str, limit: int) -> bytes:
        """
        Read a whole blob of at most `limit` bytes and check its digest. RegistryAnswerError if it
        is larger or altered, ContentMissingError if it is absent.
        """
        ...

    def save(self, digest: str, size: int, file: BinaryIO) -> None:
        """
        Write a blob of `size` bytes to `file` and check its size and digest.

        `file` is empty, readable and seekable; after an error, discard it. Memory does not grow
        with `size`; the timeout applies to each chunk.
        """
        ...

    def tags(self) -> tuple[Tag, ...]:
        """List all tags of the repository, from all pages; empty for an unknown repository."""
        ...

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """
        List the manifests attached to `subject`, by the referrers API if the registry has it, else
        by the tag schema (distribution-spec 1.1, "Listing Referrers").

        A listing proves nothing: callers fetch the manifests and check their `subject`.
        """
        ...


class Upload(Protocol):
    """A blob upload, opened before its content is known to save a round trip."""

    def finish(self, content: bytes) -> Descriptor:
        """Store `content` and check the response; the descriptor has a generic media type."""
        ...

    def discard(self) -> None:
        """
        Cancel an unused upload: one request, or none after `finish`.

        It raises nothing: a session that the registry does not cancel expires.
        """
        ...


class Registry(RegistryReader, Protocol):
    """Reads and writes one repository in an OCI registry. Only the executor writes with it."""

    def open_upload(self) -> Upload:
        """Open an upload session. One request."""
        ...

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        """
        Store the exact bytes of `manifest` under `tag`, or by digest alone. One request.

        TagExistsError if the registry has immutable tags and `tag` is another manifest; if it is
        this one already, nothing is done. The response is checked; the caller reads the tag back,
        in parallel to other requests.
        """
        ...

    def attach(
        self, subject: Digest, referrer: Descriptor, ready: Step = at_once, listed: Step = at_once
    ) -> None:
        """
        List `referrer` (already stored, with `subject` in its manifest) in `referrers(subject)`.

        Where the referrers API works, nothing is done; else the fallback index is changed, after
        `ready` returned, and read back, after `listed` was called. The caller holds the lease of
        that index.
        """
        ...

    def detach(self, subject: Digest, referrers: Sequence[Digest]) -> tuple[Digest, ...]:
        """
        Take `referrers` out of `referrers(subject)`, and delete their manifests if possible.

        Returns those that are still listed: with the referrers API, a registry that deletes
        nothing lists them forever. The caller holds the lease of the fallback index.
        """
        ...


@runtime_checkable
class AuthenticatingRegistry(Protocol):
    """A registry that authenticates its users."""

    def check_user(self) -> UserCheck:
        """
        Check that the registry distinguishes its users: it accepts the password of the user of
        `sign_in`, and refuses it (401 or 403) under a random user name.

        Any other response means that it does not. Checked once, for at most 10 seconds.
        """
        ...

    def sign_in(self) -> str | None:
        """
        Find the user whose credentials the registry asked for and accepted in this run.

        None if there is none; without credentials no request is sent. RegistryUnavailableError if
        the registry does not respond.
        """
        ...
