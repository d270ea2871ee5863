"""An image layout directory as source or target of a copy, for example across an air gap."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.registry.digest_check import check_name
from engine.adapters.registry.layout.files import translate_write_errors
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.mirror.side import Pieces
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ContentMissingError, RegistryUnavailableError
from engine.domain.manifest import Descriptor, Manifest
from engine.runtime.whole_files import write_pieces

_PIECE_BYTES = 256 * 1024


class DirectorySide:
    """Implements `Side` on the existing layout at `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._registry = LayoutRegistry(root)

    @classmethod
    def create(cls, root: Path) -> "DirectorySide":
        """
        Open the layout at `root`, and create it if missing. RegistryUnavailableError if its parent
        directory is missing: the disk may not be mounted.
        """
        if not root.parent.is_dir():
            raise RegistryUnavailableError(
                f"directory {root.parent} of the image layout {root.name} does not exist: mount "
                "its disk, or create the directory"
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
        # Blobs are written atomically, so a wrong size means that the file was truncated later.
        path = self._path(named.digest)
        try:
            return path.stat().st_size == named.size
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(path, error) from error

    @contextmanager
    def open(self, named: Descriptor) -> Iterator[Iterator[bytes]]:
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

    def store(self, named: Descriptor, pieces: Pieces) -> None:
        path = self._path(named.digest)
        with translate_write_errors(self._root):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_pieces(path, pieces())

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        self._registry.put(manifest, tag)

    def attach(self, subject: Digest, referrers: Sequence[Descriptor]) -> bool:
        for referrer in referrers:
            self._registry.attach(subject, referrer)
        # `put` has already updated the index.
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
