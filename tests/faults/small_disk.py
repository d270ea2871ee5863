"""A file system of a few hundred KiB that can run out of space, or of inodes, or be read-only."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

_BLOCK = 4096
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SmallDisk:
    """A small disk mounted at `path`."""

    path: Path

    def fill(self, blocks: int = 0) -> None:
        """Leave room for `blocks` of 4 KiB, the unit by which files grow."""
        with (self.path / "ballast").open("wb", buffering=0) as file:
            while _written(file.fileno()):
                pass
            file.truncate(max(file.tell() // _BLOCK - blocks, 0) * _BLOCK)

    def fill_names(self, left: int = 0) -> None:
        """Leave room for `left` more files of any size."""
        (self.path / "names").mkdir()
        for number in count():
            try:
                (self.path / "names" / str(number)).touch()
            except OSError as error:
                assert error.errno == errno.ENOSPC
                break
        for name in list((self.path / "names").iterdir())[:left]:
            name.unlink()

    def free(self) -> None:
        (self.path / "ballast").unlink(missing_ok=True)
        if (self.path / "names").exists():
            for name in (self.path / "names").iterdir():
                name.unlink()
            (self.path / "names").rmdir()

    def remount(self, mode: str) -> None:
        """Remount the disk as `ro` or `rw`."""
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self.path)], check=True)


def _written(descriptor: int) -> bool:
    try:
        return os.write(descriptor, b"-" * _BLOCK) > 0
    except OSError as error:
        assert error.errno == errno.ENOSPC
        return False


@contextmanager
def small_disk(path: Path, options: str) -> Iterator[SmallDisk]:
    """Mount a small disk; PermissionError if this user may not mount."""
    path.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", options, "none", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(done.stderr.strip())
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def disk_for(node: pytest.Item, path: Path, options: str = "size=512k") -> Iterator[SmallDisk]:
    """Mount a small disk for the test `node`, or rerun the test where mounting is allowed."""
    try:
        with small_disk(path, options) as disk:
            yield disk
    except PermissionError as error:
        _run_as_root_of_a_namespace(node.nodeid, path.with_name("apart"), str(error))


def _run_as_root_of_a_namespace(test: str, folder: Path, why: str) -> None:
    said = why
    if os.geteuid() != 0:
        own = ["unshare", "--map-root-user", "--mount"]
        options = ["-q", "-p", "no:cacheprovider", "--basetemp", str(folder)]
        argv = [*own, sys.executable, "-m", "pytest", *options, test]
        done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            pytest.skip("passed in a mount namespace of its own")
        said = done.stdout[-2000:] + done.stderr[-500:]
    pytest.fail(f"a small disk takes root, or `unshare --map-root-user --mount`: {said}")
