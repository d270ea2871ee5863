"""The index.json on disk: read once per change, changed by one writer at a time."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from engine.adapters.registry.layout.files import locked, read_file, writing
from engine.adapters.registry.layout.index import EMPTY_INDEX, LayoutIndex
from engine.domain.errors import RegistryAnswerError, RegistryError, RegistryUnavailableError
from engine.runtime.whole_files import write_file

# About 180,000 entries; what is larger is not the index of one repository.
MAX_INDEX_BYTES = 64 * 1024 * 1024
_MARKER = "oci-layout"
_MARKER_CONTENT = b'{"imageLayoutVersion":"1.0.0"}'
_LAYOUT_NAMES = {"blobs", "index.json", _MARKER}
# File times advance in steps of some milliseconds: within one, two changes look the same.
_SETTLED_NS = 50_000_000
# Other tools write index.json in place, so a reader can meet it half written.
_ATTEMPTS = 3
_ATTEMPT_SECONDS = 0.05


class _Stamp(NamedTuple):
    mtime_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, state: os.stat_result) -> "_Stamp":
        return cls(state.st_mtime_ns, state.st_size, state.st_ino)


class IndexFile:
    """index.json of the layout at `root`. Opening writes nothing; safe for several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "index.json"
        self._cached: tuple[_Stamp, LayoutIndex] | None = None

    def read(self) -> LayoutIndex:
        """
        The index as it is now.

        RegistryUnavailableError when there is no layout or it cannot be read, RegistryAnswerError
        when what is there is none.
        """
        cached = self._cached
        try:
            if cached and cached[0] == _Stamp.of(self._path.stat()):
                return cached[1]
            return self._load()
        except OSError as error:
            raise _unreadable(self._root, error) from error

    def change(self, edit: Callable[[LayoutIndex], LayoutIndex]) -> None:
        """Replace the index by what `edit` makes of it, alone and in one step."""
        self.read()  # Before the lock, which would create a directory: here may be no layout.
        with locked(self._root):
            before = self.read()
            after = edit(before)
            if after is not before:
                self._save(after)

    def _load(self) -> LayoutIndex:
        _check_marker(self._root)
        for attempt in range(_ATTEMPTS):
            now = time.time_ns()
            content, state = read_file(self._path, MAX_INDEX_BYTES)
            try:
                index = LayoutIndex.parse(content)
                break
            except ValueError as error:
                if attempt == _ATTEMPTS - 1:
                    raise RegistryAnswerError(
                        f"{self._path} is not the index of an image layout: {error}; "
                        "restore it from a copy"
                    ) from error
            time.sleep(_ATTEMPT_SECONDS)
        if now - state.st_mtime_ns > _SETTLED_NS:
            self._cached = (_Stamp.of(state), index)
        return index

    def _save(self, index: LayoutIndex) -> None:
        try:
            content = index.to_bytes()
        except RecursionError as error:
            raise RegistryAnswerError(f"{self._path} is nested too deep to be changed") from error
        if len(content) > MAX_INDEX_BYTES:
            raise RegistryUnavailableError(
                f"the image layout {self._root} is full: its index.json would be larger than "
                f"{MAX_INDEX_BYTES} bytes; move to a registry server"
            )
        with writing(self._root):
            # Never the time of the file before, so that no reader takes the one for the other.
            mtime_ns = max(time.time_ns(), self._path.stat().st_mtime_ns + 1)
            self._cached = (_Stamp.of(write_file(self._path, content, mtime_ns)), index)


def create_layout(root: Path) -> None:
    """An empty layout at `root`, unless there is one; RegistryAnswerError on other files."""
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in root.iterdir()}
    if _MARKER in names:
        return
    # Somebody else may be making it at this moment, or may have died doing so.
    strangers = [name for name in names - _LAYOUT_NAMES if not name.startswith(".floe")]
    if strangers:
        raise RegistryAnswerError(
            f"{root} holds other files and is not an image layout: name an empty directory"
        )
    with locked(root), writing(root):
        (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        if not (root / "index.json").exists():
            write_file(root / "index.json", EMPTY_INDEX.to_bytes())
        # Last, because this file is what makes the directory a layout.
        if not (root / _MARKER).exists():
            write_file(root / _MARKER, _MARKER_CONTENT)


def _check_marker(root: Path) -> None:
    content, _ = read_file(root / _MARKER, 64 * 1024)
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RegistryAnswerError(f"{root / _MARKER} is not JSON; restore it") from error
    version = said.get("imageLayoutVersion") if isinstance(said, dict) else None
    if version != "1.0.0":
        raise RegistryAnswerError(f"{root} is an image layout of another version than 1.0.0")


def _unreadable(root: Path, error: OSError) -> RegistryError:
    if not root.exists():
        return RegistryUnavailableError(
            f"there is no image layout at {root}: publish into it with "
            f"`skopeo copy docker://IMAGE oci:{root}:v1.2.3-dev`, or correct the path"
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return RegistryAnswerError(
            f"{root} is not an OCI image layout (no usable oci-layout and index.json in it): "
            "correct the path"
        )
    return RegistryUnavailableError(
        f"the image layout {root} cannot be read: {error.strerror}; give this user read access"
    )
