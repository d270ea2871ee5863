"""index.json on disk: cached until it changes, and changed by one writer at a time."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from engine.adapters.registry.layout.files import locked, read_file, translate_write_errors
from engine.adapters.registry.layout.index import EMPTY_INDEX, LayoutIndex
from engine.domain.errors import RegistryAnswerError, RegistryError, RegistryUnavailableError
from engine.runtime.whole_files import write_file

# About 180,000 entries, more than one repository has.
MAX_INDEX_BYTES = 64 * 1024 * 1024
_MARKER = "oci-layout"
_MARKER_CONTENT = b'{"imageLayoutVersion":"1.0.0"}'
_LAYOUT_NAMES = {"blobs", "index.json", _MARKER}
# File times have a resolution of some milliseconds; a younger file may change unnoticed.
_MIN_AGE_NS = 50_000_000
# Other tools write index.json in place, so it can be read half written.
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
    """index.json of the layout at `root`; thread-safe. Opening it writes nothing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "index.json"
        self._cached: tuple[_Stamp, LayoutIndex] | None = None

    def read(self) -> LayoutIndex:
        """
        The present index.

        RegistryUnavailableError if there is no layout or it cannot be read, RegistryAnswerError
        if the file is not an index.
        """
        cached = self._cached
        try:
            if cached and cached[0] == _Stamp.of(self._path.stat()):
                return cached[1]
            return self._load()
        except OSError as error:
            raise _unreadable(self._root, error) from error

    def change(self, edit: Callable[[LayoutIndex], LayoutIndex]) -> None:
        """Replace the index by the result of `edit`, atomically and under the lock."""
        self.read()  # Fails if there is no layout, before the lock creates a directory.
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
        if now - state.st_mtime_ns > _MIN_AGE_NS:
            self._cached = (_Stamp.of(state), index)
        return index

    def _save(self, index: LayoutIndex) -> None:
        try:
            content = index.to_bytes()
        except RecursionError as error:
            raise RegistryAnswerError(f"{self._path} is nested too deeply to change it") from error
        if len(content) > MAX_INDEX_BYTES:
            raise RegistryUnavailableError(
                f"the image layout {self._root} is full: its index.json would be larger than "
                f"{MAX_INDEX_BYTES} bytes; move to a registry server"
            )
        with translate_write_errors(self._root):
            # Always newer than the previous file, so that readers notice the change.
            mtime_ns = max(time.time_ns(), self._path.stat().st_mtime_ns + 1)
            self._cached = (_Stamp.of(write_file(self._path, content, mtime_ns)), index)


def create_layout(root: Path) -> None:
    """Create an empty layout at `root` if there is none; RegistryAnswerError on other files."""
    with translate_write_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in root.iterdir()}
    if _MARKER in names:
        return
    # Files of a layout may exist: another process may be creating it, or may have died.
    if any(not name.startswith(".floe") for name in names - _LAYOUT_NAMES):
        raise RegistryAnswerError(
            f"{root} has other files and is not an image layout: use an empty directory"
        )
    with locked(root), translate_write_errors(root):
        (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        if not (root / "index.json").exists():
            write_file(root / "index.json", EMPTY_INDEX.to_bytes())
        # Last, because this file makes the directory a layout.
        if not (root / _MARKER).exists():
            write_file(root / _MARKER, _MARKER_CONTENT)


def _check_marker(root: Path) -> None:
    content, _ = read_file(root / _MARKER, 64 * 1024)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RegistryAnswerError(f"{root / _MARKER} is not JSON: restore it") from error
    version = document.get("imageLayoutVersion") if isinstance(document, dict) else None
    if version != "1.0.0":
        raise RegistryAnswerError(
            f"the version of the image layout {root} is not supported: it must be 1.0.0"
        )


def _unreadable(root: Path, error: OSError) -> RegistryError:
    if not root.exists():
        return RegistryUnavailableError(
            f"there is no image layout at {root}: publish into it with "
            f"`skopeo copy docker://IMAGE oci:{root}:v1.2.3-dev`, or correct the path"
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return RegistryAnswerError(
            f"{root} is not an OCI image layout, which has the files oci-layout and index.json: "
            "correct the path"
        )
    return RegistryUnavailableError(
        f"the image layout {root} cannot be read: {error.strerror}; give this user read access"
    )
