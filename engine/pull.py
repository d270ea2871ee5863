"""Download an artifact whole: nothing of it is left when it is not what it says (US5)."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.domain.errors import RegistryAnswerError, RegistryUnavailableError, UsageError
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.text import printable
from engine.ports import Progress, RegistryReader

_TITLE = "org.opencontainers.image.title"
# Layers somebody else distributes, by the image specification; their bytes are not here.
_FOREIGN = "nondistributable"
MANIFEST_FILE = "manifest.json"


def pull(registry: RegistryReader, manifest: Manifest, target: Path, progress: Progress) -> None:
    """
    Write the layers of `manifest`, by their titles or digests, and its own bytes into `target`.

    `target` must not exist or be empty, and appears at once when all of it is there and checked.
    UsageError for a target that is in the way, or an artifact without layers of its own;
    RegistryAnswerError for what is no OCI manifest, RegistryUnavailableError for a target that
    cannot be written.
    """
    layers = _layers(manifest)
    names = _names(layers)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"'{target}' is there already: name a directory that is new or empty")
        with _draft(target) as draft:
            for layer, name in zip(layers, names, strict=True):
                progress.step(f"{name}: {layer.size} bytes")
                with (draft / name).open("w+b") as file:
                    registry.save(layer.digest, layer.size, file)
            (draft / MANIFEST_FILE).write_bytes(manifest.content)
            draft.chmod(0o755)
            # An empty directory is replaced by a rename; one that was filled meanwhile is not.
            draft.replace(target)
    except OSError as error:
        raise RegistryUnavailableError(f"'{target}' cannot be written: {error.strerror}") from error


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
    return tuple(layer for layer in layers if _FOREIGN not in layer.media_type)


def _names(layers: tuple[Descriptor, ...]) -> list[str]:
    """A file name for each: a title is the artifact's word, so it never leads out of `target`."""
    names: list[str] = []
    for layer in layers:
        title = layer.annotations.get(_TITLE) or layer.digest.replace(":", "-")
        name = title.removeprefix("./")
        unsafe = name != Path(name).name or name in ("", ".", "..", MANIFEST_FILE)
        if unsafe or "\0" in name or name in names:
            raise UsageError(
                f"the layer '{printable(title[:200])}' has no name a file here can have: nothing "
                "was written"
            )
        names.append(name)
    return names
