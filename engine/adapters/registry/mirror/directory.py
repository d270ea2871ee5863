"""An image layout directory as a side of a copy: what crosses an air gap."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.registry.digest_check import check_name
from engine.adapters.registry.layout.files import writing
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.mirror.side import Pieces
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ContentMissingError, RegistryUnavailableError
from engine.domain.manifest import Descriptor, Manifest
from engine.runtime.whole_files import write_pieces

_PIECE_BYTES = 256 * 1024


class DirectorySide:
    """Implements `Side` on the layout at `root`, which is there."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._registry = LayoutRegistry(root)

    @classmethod
    def made(cls, root: Path) -> "DirectorySide":
        """
        The layout at `root`, made empty if there is none. RegistryUnavailableError where the
        directory it would lie in is missing: a disk that is not mounted must not be written beside.
        """
        if not root.parent.is_dir():
            raise RegistryUnavailableError(
                f"there is no directory {root.parent} for the image layout {root.name}: mount the "
                "disk it is on, or make the directory"
            )
        LayoutRegistry.create(root)
        return cls(root)

    @property
    def reference(self) -> str:
        return self._registry.reference

    @property
    def place(self) -> None:
        return None

    def resolve(self, tag: Tag) -> Digest | None:
        return self._registry.resolve(tag)

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        return self._registry.fetch(reference)

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        return self._registry.referrers(subject)

    def holds(self, digest: Digest) -> bool:
        return self._registry.lists(digest)

    def holds_blob(self, named: Descriptor) -> bool:
        # A blob here is whole or absent, so its size tells whether somebody cut it short since.
        path = self._path(named.digest)
        try:
            return path.stat().st_size == named.size
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(path, error) from error

    @contextmanager
    def opened(self, named: Descriptor) -> Iterator[Iterator[bytes]]:
        path = self._path(named.digest)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError as error:
            raise ContentMissingError(
                f"the image layout {self._root} does not have the blob {named.digest}"
            ) from error
        except OSError as error:
            raise _unreadable(path, error) from error
        with file:
            yield _read(path, file.fileno())

    def mount(self, named: Descriptor, repository: str) -> bool:  # noqa: ARG002 - `Side`
        return False

    def take(self, named: Descriptor, pieces: Pieces) -> None:
        path = self._path(named.digest)
        with writing(self._root):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_pieces(path, pieces())

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        self._registry.put(manifest, tag)

    def attach(self, subject: Digest, referrers: Sequence[Descriptor]) -> bool:
        for referrer in referrers:
            self._registry.attach(subject, referrer)
        # The index was changed with each manifest already.
        return False

    def _path(self, digest: str) -> Path:
        check_name(digest)
        algorithm, _, name = digest.partition(":")
        return self._root / "blobs" / algorithm / name


def _read(path: Path, descriptor: int) -> Iterator[bytes]:
    try:
        while piece := os.read(descriptor, _PIECE_BYTES):
            yield piece
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> RegistryUnavailableError:
    return RegistryUnavailableError(
        f"{path} cannot be read: {error.strerror}; give this user read access"
    )
