"""A repository in an OCI registry: its reading half, and its writes."""

from typing import BinaryIO, Protocol, runtime_checkable

from engine.domain.artifact import Digest, Tag
from engine.domain.identity import UserCheck
from engine.domain.manifest import Descriptor, Manifest


class RegistryReader(Protocol):
    """
    The reading half of one repository. Planning gets only this half, so a dry run cannot write.

    Every method raises RegistryUnavailableError when there is no usable answer within the
    configured time, RegistryAccessError for 401 and 403 (which are never "absent"), and
    RegistryAnswerError for an answer that cannot be true.
    """

    @property
    def reference(self) -> str:
        """`host/repository`, or the layout's path: what `@sha256:…` is appended to."""
        ...

    def resolve(self, tag: Tag) -> Digest | None:
        """The digest `tag` points at now; None when there is no such tag. One request."""
        ...

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        """
        The manifest of any of the four media types, its bytes as stored, at most 4 MiB; None when
        absent. Content that does not hash to the digest asked for, or to the one the registry
        names, is a RegistryAnswerError. One request.
        """
        ...

    def blob(self, digest: str, limit: int) -> bytes:
        """
        A whole blob of at most `limit` bytes, its digest checked; RegistryAnswerError when it is
        larger or altered, ContentMissingError when it is absent.
        """
        ...

    def save(self, digest: str, size: int, file: BinaryIO) -> None:
        """
        Write a blob of `size` bytes to `file`, which is empty and can be read and sought: its size
        and digest are checked. Memory does not grow with `size`; the time-out is for each piece.
        What is in `file` after an error is nothing.
        """
        ...

    def tags(self) -> tuple[Tag, ...]:
        """Every tag of the repository, all pages of them; empty for an unknown repository."""
        ...

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """
        The manifests attached to `subject`: the referrers API where the registry has it, else the
        tag-schema fallback (distribution-spec 1.1, "Listing Referrers"). A listing proves nothing:
        callers fetch what is listed and look at its `subject`.
        """
        ...


class Upload(Protocol):
    """A blob upload that was opened before its content was known, which saves a round trip."""

    def finish(self, content: bytes) -> Descriptor:
        """Store `content` and check the answer; the descriptor has no media type of its own."""
        ...

    def discard(self) -> None:
        """
        End an upload that was not made use of, so that nothing is left of it: one request, none
        after `finish`. Never an error: a session the registry keeps all the same ends by itself.
        """
        ...


class Registry(RegistryReader, Protocol):
    """One repository in an OCI registry, with its writes. Only the executor is given this."""

    def open_upload(self) -> Upload:
        """Open an upload session. One request."""
        ...

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        """
        Store the very bytes of `manifest` under `tag`, or by digest alone. One request.

        TagExistsError when the registry keeps its tags immutable and `tag` is another manifest;
        when it already is this one, that counts as done. The answer is checked; reading the tag
        back is the caller's part, so that it can be done beside other requests.
        """
        ...

    def attach(self, subject: Digest, referrer: Descriptor) -> None:
        """
        Make `referrer` (already stored, with `subject` in its manifest) appear in
        `referrers(subject)`: nothing to do where the API works, else one careful change of the
        fallback index. The caller holds the lease of whoever else may write that index.
        """
        ...


@runtime_checkable
class Vouching(Protocol):
    """A registry that knows its users."""

    def check_user(self) -> UserCheck:
        """
        Whether it tells users apart: it accepts its password from the user of `sign_in`, and
        refuses the same password under a random user name. Asked once, for at most 10 seconds;
        whatever is no clear answer (401 or 403, and success) means that it does not.
        """
        ...

    def sign_in(self) -> str | None:
        """
        The user whose credentials it asked for and accepted in this run; None for nobody, at no
        request where there are no credentials. RegistryUnavailableError when it does not answer.
        """
        ...
