"""Puts several new files into a directory: all of them, or none."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.domain.errors import UsageError

_DRAFT = ".floe-init-"


@contextmanager
def new_files(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """
    Yield a directory for the files `names`, which all move to `folder` when the block ends.

    The last name decides whether a killed run was complete: without that file, the next run removes
    the other ones. UsageError if a file exists, or cannot be written.
    """
    with _alone_in(folder):
        refuse_existing(folder, names)
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
        try:
            yield draft
            _place(draft, folder, names)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def clear_unfinished(folder: Path, names: Sequence[str]) -> None:
    """Remove the files of a killed run; UsageError if another process writes them now."""
    with _alone_in(folder):
        for draft in folder.glob(f"{_DRAFT}*"):
            if draft.is_symlink() or draft.stat().st_uid != os.getuid():
                continue
            if not os.path.lexists(folder / names[-1]):
                _withdraw(draft, folder)
            shutil.rmtree(draft, ignore_errors=True)


def refuse_existing(folder: Path, names: Sequence[str]) -> None:
    """Raise a UsageError that lists the existing files among `names`."""
    existing = [name for name in names if os.path.lexists(folder / name)]
    if existing:
        verb = "exists" if len(existing) == 1 else "exist"
        raise UsageError(
            f"{', '.join(existing)} already {verb} in {folder}, and nothing is overwritten: move "
            "existing files away, or use another directory. To check existing files: floe doctor"
        )


def _place(draft: Path, folder: Path, names: Sequence[str]) -> None:
    try:
        for name in names:
            # A link replaces no file that was made since.
            (folder / name).hardlink_to(draft / name)
    except BaseException:
        _withdraw(draft, folder)
        raise


def _withdraw(draft: Path, folder: Path) -> None:
    """Remove from `folder` the files that are those of `draft`."""
    for file in draft.iterdir():
        place = folder / file.name
        if place.exists() and place.samefile(file):
            place.unlink()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Lock `folder`, and translate its errors."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)
    except BlockingIOError as error:
        raise UsageError(f"Another floe init is writing to {folder}: wait for its end") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
