"""A repository of a registry server as source or target of a copy."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from engine.adapters.registry.mirror.side import Pieces
from engine.adapters.registry.remote.messages import STEP_BYTES, Deadline
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryUnavailableError
from engine.domain.manifest import Descriptor, Manifest


class RemoteSide:
    """
    Implements `Side`. With `bounded`, all calls together end within the timeout of `registry`,
    which restarts with every MiB sent.
    """

    def __init__(self, registry: DistributionRegistry, *, bounded: bool = False) -> None:
        self._whole = Deadline(registry.timeout_seconds) if bounded else None
        self._registry = registry.within(self._whole) if self._whole else registry
        self._blobs = registry.blobs
        self._silent = False

    @property
    def reference(self) -> str:
        return self._registry.reference

    @property
    def place(self) -> tuple[str, str]:
        return self._blobs.root, self._blobs.repository

    def resolve(self, tag: Tag) -> Digest | None:
        return self._registry.resolve(tag)

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        return self._registry.fetch(reference)

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        return self._registry.referrers(subject)

    def holds(self, digest: Digest) -> bool:
        return self._registry.holds(digest)

    def holds_blob(self, named: Descriptor) -> bool:
        if self._silent:
            return False
        found = self._blobs.holds(named, self._deadline())
        # Asking again for every blob would use up the time for sending.
        self._silent = found is None
        return found is True

    def open(self, named: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        return self._blobs.open(named.digest, self._deadline())

    def mount(self, named: Descriptor, repository: str) -> bool:
        return self._blobs.mount(named.digest, repository, self._deadline())

    def store(self, named: Descriptor, pieces: Pieces) -> None:
        deadline = self._deadline()
        self._blobs.send(named, lambda: self._paced(pieces(), deadline), deadline)

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        self._registry.put(manifest, tag)

    def attach(self, subject: Digest, referrers: Sequence[Descriptor]) -> bool:
        return self._registry.attach_all(subject, referrers)

    def _deadline(self) -> Deadline:
        return self._whole or Deadline(self._registry.timeout_seconds)

    def _paced(self, pieces: Iterator[bytes], deadline: Deadline) -> Iterator[bytes]:
        sent = 0
        for piece in pieces:
            if deadline.remaining <= 0:
                raise RegistryUnavailableError(
                    f"registry {self.reference} accepted less than 1 MiB in "
                    f"{deadline.seconds:g} s: check the network, or raise "
                    "artifacts.registry.timeout_seconds"
                )
            yield piece
            sent += len(piece)
            if sent >= STEP_BYTES:
                sent = 0
                deadline.renew()
