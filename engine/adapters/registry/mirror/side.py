"""Source or target of a copy: a repository with streamed blobs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import Descriptor, Manifest

# Starts reading a blob from its beginning at each call; raises if the content is wrong.
Pieces = Callable[[], Iterator[bytes]]


class Side(Protocol):
    """
    The source or the target of a copy; thread-safe. Raises the errors of `engine.ports.Registry`.
    """

    @property
    def reference(self) -> str: ...

    @property
    def place(self) -> tuple[str, str] | None:
        """`scheme://host` and repository; sides on one host can mount each other's blobs."""
        ...

    def resolve(self, tag: Tag) -> Digest | None: ...
    def fetch(self, reference: Tag | Digest) -> Manifest | None: ...
    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]: ...

    def holds(self, digest: Digest) -> bool:
        """Whether the manifest exists."""
        ...

    def holds_blob(self, named: Descriptor) -> bool:
        """Whether the blob exists; False also if that is unknown."""
        ...

    def open(self, named: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """The pieces of a blob; size and digest are not checked."""
        ...

    def mount(self, named: Descriptor, repository: str) -> bool:
        """Mount a blob from another repository of the host; False if it must be sent."""
        ...

    def store(self, named: Descriptor, pieces: Pieces) -> None:
        """Store a blob; it becomes visible only when it is complete."""
        ...

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None: ...

    def attach(self, subject: Digest, referrers: Sequence[Descriptor]) -> bool:
        """
        List stored manifests as referrers, if the registry does not do so itself; False if nothing
        was changed.
        """
        ...
