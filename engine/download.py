"""Download an artifact whole: nothing of it is left when it is not what it says (US5)."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.domain.errors import (
    ContentMissingError,
    RegistryAnswerError,
    RegistryUnavailableError,
    UsageError,
)
from engine.domain.layer_paths import MANIFEST_FILE, layer_paths
from engine.domain.manifest import Descriptor, Manifest
from engine.ports import Progress, RegistryReader

_log = logging.getLogger(__name__)


def pull(
    registry: RegistryReader, manifest: Manifest, target: Path, progress: Progress
) -> tuple[str, ...]:
    """
    Write the layers of `manifest`, by their titles or digests, and its own bytes into `target`.

    Foreign layers that `registry` does not have are left out; returns their paths. `target` must
    not exist or be empty, and appears at once when all of it is there and checked. UsageError for
    a target that is in the way, an index, or layers that cannot be files beside each other;
    RegistryAnswerError for what is no OCI manifest, RegistryUnavailableError for a target that
    cannot be written.
    """
    files = layer_paths(_layers(manifest))
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"'{target}' is there already: name a directory that is new or empty")
        with _draft(target) as draft:
            missing = [
                path
                for path, layer in files.items()
                if not _write(registry, draft / path, layer, progress)
            ]
            (draft / MANIFEST_FILE).write_bytes(manifest.content)
            draft.chmod(0o755)
            # An empty directory is replaced by a rename; one that was filled meanwhile is not.
            draft.replace(target)
            return tuple(missing)
    except OSError as error:
        raise RegistryUnavailableError(f"'{target}' cannot be written: {error.strerror}") from error


def _write(registry: RegistryReader, path: Path, layer: Descriptor, progress: Progress) -> bool:
    """Save `layer` as `path`; False for a foreign one that `registry` does not have."""
    progress.step(f"{path.name}: {layer.size} bytes")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x+b") as file:
            registry.save(layer.digest, layer.size, file)
    except ContentMissingError:
        if not layer.is_foreign:
            raise
        _log.info("%s is distributed elsewhere: left out", layer.digest)
        path.unlink()
        return False
    return True


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A directory beside `target` that is gone afterwards, unless it was moved there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".floe-pull-", dir=target.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _layers(manifest: Manifest) -> tuple[Descriptor, ...]:
    try:
        layers = manifest.view.layers
    except ValueError as error:
        raise RegistryAnswerError(f"{error}: there is nothing in it to pull") from error
    if layers is None:
        raise UsageError(
            f"{manifest.digest.short} is an index of artifacts: pull one of those it lists by its "
            "own tag"
        )
    return layers
