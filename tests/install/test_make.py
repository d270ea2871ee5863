"""`make install` on machines where the environment cannot be created."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def _make(folder: Path, python: str) -> "subprocess.CompletedProcess[str]":
    command = ["make", "install", f"PYTHON={python}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_linked_environment_is_refused_and_unchanged(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = tmp_path_factory.mktemp("shared")
    (shared / "precious").write_text("kept")
    (checkout / ".venv").symlink_to(shared)

    made = _make(checkout, sys.executable)

    assert made.returncode != 0
    assert (shared / "precious").read_text() == "kept"
    assert ".venv is a symbolic link" in made.stderr
    assert "rm .venv" in made.stderr


def test_error_of_a_failed_venv_is_shown(checkout: Path) -> None:
    python = checkout / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$2" = venv ] || exec {sys.executable} "$@"\n'
        "echo 'Error: No space left on device' >&2; exit 1\n"
    )
    python.chmod(0o755)

    made = _make(checkout, str(python))

    assert made.returncode != 0
    assert "Error: No space left on device" in made.stderr
    assert "apt-get" not in made.stderr + made.stdout
