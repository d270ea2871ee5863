"""Safe file paths for the layers of an artifact, whose titles are untrusted input."""

import re
import unicodedata
from collections.abc import Iterable

from engine.domain.errors import UsageError
from engine.domain.manifest import Descriptor
from engine.domain.text import printable

TITLE = "org.opencontainers.image.title"
MANIFEST_FILE = "manifest.json"
_MAX_NAME_BYTES = 255
_MAX_PATH = 1000
_DRIVE = re.compile(r"[A-Za-z]:")


def layer_paths(layers: Iterable[Descriptor]) -> dict[str, Descriptor]:
    """
    Map a relative path with `/` to each layer: its title, else its digest. The same digest under
    the same path counts once.

    UsageError for a title that is not a path below a directory, and for two layers that cannot be
    files in one directory: one path for two digests, a file that is also a directory, or names
    that differ only in case or Unicode form.
    """
    paths: dict[str, Descriptor] = {}
    taken = {_fold(MANIFEST_FILE): MANIFEST_FILE}
    for layer in layers:
        path = _path(layer)
        if path in paths and paths[path].digest == layer.digest:
            continue
        # A directory is stored with a trailing slash, so that it differs from a file of that name.
        steps = path.split("/")
        for depth in range(1, len(steps)):
            folder = "/".join(steps[:depth])
            other = taken.setdefault(_fold(folder), f"{folder}/")
            if other != f"{folder}/":
                raise _collision(path, other)
        if _fold(path) in taken:
            raise _collision(path, taken[_fold(path)])
        taken[_fold(path)] = path
        paths[path] = layer
    return paths


def _path(layer: Descriptor) -> str:
    title = layer.annotations.get(TITLE) or layer.digest.replace(":", "-")
    path = title.removeprefix("./")
    hostile = "\\" in path or _DRIVE.match(path) or len(path) > _MAX_PATH
    if hostile or not all(map(_is_name, path.split("/"))):
        raise UsageError(
            f"the layer '{printable(title[:200])}' has a title that is not a safe relative path: "
            "nothing was written. Push it under a relative path without '..', backslashes and "
            "control characters"
        )
    return path


def _is_name(step: str) -> bool:
    """Whether `step` is a valid file name; `//` and a leading `/` leave empty ones."""
    if step in ("", ".", ".."):
        return False
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in step):
        return False
    return len(step.encode()) <= _MAX_NAME_BYTES


def _fold(path: str) -> str:
    """Normalize `path` as file systems do that ignore case and Unicode forms."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _collision(path: str, other: str) -> UsageError:
    named = (
        "the artifact's own manifest.json" if other == MANIFEST_FILE else f"'{printable(other)}'"
    )
    return UsageError(
        f"the layer '{printable(path)}' and {named} cannot be files in one directory: nothing was "
        "written. Push them under different paths"
    )
