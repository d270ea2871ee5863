"""The wheel, installed with the tool of a user into an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it as `uv tool install` does, and return the folder of programs."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    _run([*build, "--no-index", "-w", str(folder), str(ROOT)], {})
    [wheel] = folder.glob("floe-*.whl")
    # The tested versions, and no other copy of the package on this machine.
    options = ["--constraints", str(ROOT / "requirements.lock"), "--python", sys.executable]
    uv = str(Path(sys.executable).with_name("uv"))
    places = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    _run([uv, "tool", "install", "-q", *options, str(wheel)], places)
    return folder / "bin"


def _run(command: list[str], environ: dict[str, str]) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=1500
    )
    assert done.returncode == 0, done.stderr


def _floe(programs: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": os.environ["PATH"], "HOME": str(programs)}
    return subprocess.run(
        [programs / "floe", *words], env=environ, capture_output=True, text=True, timeout=120
    )


@pytest.mark.timeout(1800)
def test_installed_command_reports_its_version(programs: Path) -> None:
    ran = _floe(programs, "--version")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("floe ")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_installed_command_prints_completions(programs: Path, shell: str) -> None:
    ran = _floe(programs, "completion", shell)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "floe" in ran.stdout
    assert "_FLOE_COMPLETE" in ran.stdout
