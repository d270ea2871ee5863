"""npm packages for tests, installed once from a folder's package-lock.json."""

import fcntl
import shutil
import subprocess
from pathlib import Path


def install(folder: Path) -> None:
    """Install into `folder`, safely for simultaneous callers."""
    if shutil.which("npm") is None:
        raise RuntimeError(
            "npm is not there: install node and npm (Debian: apt-get install npm) for the Slack "
            "workspace and the browser's tests"
        )
    with (folder / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "node_modules" / ".package-lock.json"
        wanted = folder / "package-lock.json"
        if not done.exists() or done.stat().st_mtime < wanted.stat().st_mtime:
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            _run(command, folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=220)
    except subprocess.SubprocessError as error:
        raise RuntimeError(
            f"npm could not install the packages of {folder}: is there a network?"
        ) from error
