"""Download an artifact: all of its layers, verified, or nothing (US5)."""

import io
import logging
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Buffer

from engine.domain.errors import ContentMissingError, RegistryAnswerError, UsageError
from engine.domain.layer_paths import MANIFEST_FILE, layer_paths
from engine.domain.manifest import Descriptor, Manifest
from engine.ports import Progress, RegistryReader
from engine.runtime.whole_files import write_directory

_log = logging.getLogger(__name__)


def pull(
    registry: RegistryReader, manifest: Manifest, target: Path, progress: Progress
) -> tuple[str, ...]:
    """
    Write the layers of `manifest`, named by title or digest, and `manifest.json` into `target`.

    `target` must not exist or be empty; it appears only when all content is there and verified.
    Foreign layers that `registry` does not have are skipped; returns their paths.

    UsageError for an occupied target, an index, or layers that cannot be files in one directory;
    RegistryAnswerError for an invalid OCI manifest, RegistryUnavailableError if `target` cannot be
    written.
    """
    files = layer_paths(_layers(manifest))
    pulled = _Pulled(sum(layer.size for layer in files.values()), progress)
    with write_directory(target) as draft:
        missing = [
            path
            for path, layer in files.items()
            if not _write(registry, draft / path, layer, pulled)
        ]
        (draft / MANIFEST_FILE).write_bytes(manifest.content)
    return tuple(missing)


@dataclass
class _Pulled:
    """The bytes that were pulled, of `total`."""

    total: int
    progress: Progress
    done: int = 0

    def add(self, name: str, size: int) -> None:
        self.done += size
        self.progress.advance(name, self.done, self.total, "bytes")


class _CountedFile(io.BufferedRandom):
    """A new file at `path` that reports the bytes written to it."""

    def __init__(self, path: Path, pulled: _Pulled) -> None:
        super().__init__(io.FileIO(path, "x+"))
        self._title, self._pulled, self._size = path.name, pulled, 0

    def write(self, data: Buffer, /) -> int:
        written = super().write(data)
        self._size += written
        self._pulled.add(self._title, written)
        return written

    def truncate(self, size: int | None = None, /) -> int:
        # A transfer that failed begins again with an empty file.
        self._pulled.done -= self._size
        self._size = 0
        return super().truncate(size)


def _write(registry: RegistryReader, path: Path, layer: Descriptor, pulled: _Pulled) -> bool:
    """Save `layer` as `path`; False for a foreign one that `registry` does not have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _CountedFile(path, pulled) as file:
            registry.save(layer.digest, layer.size, file)
    except ContentMissingError:
        if not layer.is_foreign:
            raise
        _log.info("skipped %s, which is distributed elsewhere", layer.digest)
        path.unlink()
        return False
    return True


def _layers(manifest: Manifest) -> tuple[Descriptor, ...]:
    try:
        layers = manifest.view.layers
    except ValueError as error:
        raise RegistryAnswerError(f"{error}: it has no content to pull") from error
    if layers is None:
        raise UsageError(
            f"{manifest.digest.short} is an index of artifacts: pull one of its artifacts by its "
            "own tag"
        )
    return layers
