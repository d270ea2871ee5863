"""Find manifest.yaml above the working directory, as git finds its repository."""

import os
from pathlib import Path

from engine.domain.errors import ConfigError

NAME = "manifest.yaml"


def manifest_above(folder: Path) -> Path | None:
    """
    Return the nearest manifest.yaml above `folder`, but not beyond its git repository.

    ConfigError for a file of another user: its gates would run that user's commands as this one.
    """
    place = folder
    while place != place.parent and not (place / ".git").exists():
        place = place.parent
        found = place / NAME
        if found.is_file():
            refuse_foreign(found)
            return found
    return None


def refuse_foreign(file: Path) -> None:
    """Raise ConfigError for a file, or a link to one, of a user other than this one and root."""
    # A link of another user could choose among the files of this one.
    owners = {file.lstat().st_uid, file.stat().st_uid}
    if owners - {0, os.getuid()}:
        raise ConfigError(
            f"{file} belongs to another user, and its commands would run as you. If you trust it, "
            f"name it: --manifest {file}"
        )
