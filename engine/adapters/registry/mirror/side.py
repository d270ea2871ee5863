"""One side of a copy: a repository, and its blobs as streams."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import Descriptor, Manifest

# Begins a blob anew whenever it is called; raises rather than end with other content.
Pieces = Callable[[], Iterator[bytes]]


class Side(Protocol):
    """
    What is copied from, and what is copied to. The errors are those of `engine.ports.Registry`;
    safe to use from several threads.
    """

    @property
    def reference(self) -> str: ...

    @property
    def place(self) -> tuple[str, str] | None:
        """`scheme://host` and repository: sides with one host can mount each other's blobs."""
        ...

    def resolve(self, tag: Tag) -> Digest | None: ...
    def fetch(self, reference: Tag | Digest) -> Manifest | None: ...
    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]: ...

    def holds(self, digest: Digest) -> bool:
        """Whether the manifest is here."""
        ...

    def holds_blob(self, named: Descriptor) -> bool:
        """Whether the blob is known to be here; False as well where nobody can say."""
        ...

    def opened(self, named: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """The pieces of a blob, neither measured nor checked."""
        ...

    def mount(self, named: Descriptor, repository: str) -> bool:
        """Take a blob over from another repository of the same host; False if it must be sent."""
        ...

    def take(self, named: Descriptor, pieces: Pieces) -> None:
        """Store a blob; nothing of it is visible unless all of it came."""
        ...

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None: ...

    def attach(self, subject: Digest, referrers: Sequence[Descriptor]) -> bool:
        """
        List stored manifests as referrers, where the registry does not do so by itself; False
        where nothing had to be changed.
        """
        ...
