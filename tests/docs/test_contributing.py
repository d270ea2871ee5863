"""The example of CONTRIBUTING.md adds a check that works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import image
from tests.docs.pages import ROOT
from tests.peers import oci_layout
from tests.scenarios.commands import INHERITED, Floe

_STEP = re.compile(
    r"^`(?P<file>[\w./]+)`\n\n```(?P<kind>diff|python)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_COPIED = (
    "bench",
    "bot",
    "cli",
    "docs",
    "engine",
    "tests",
    "web",
    "CHANGELOG.md",
    "pyproject.toml",
)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with every step of the example."""
    copy = tmp_path_factory.mktemp("example")
    ignored = shutil.ignore_patterns("__pycache__", "vectors", ".*")
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy / name)
    for file, kind, text in steps():
        if kind == "python":
            assert not (copy / file).exists(), f"{file} exists already"
            (copy / file).write_text(text)
        else:
            (copy / file).write_text(patched((copy / file).read_text(), text))
    return copy


def steps() -> list[tuple[str, str, str]]:
    """File, kind and text of every step."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    found = [(step["file"], step["kind"], step["text"]) for step in _STEP.finditer(page)]
    assert len(found) == page.count("```diff") + page.count("```python")
    return found


def patched(text: str, diff: str) -> str:
    """Apply the hunks of `diff`, each of which must match exactly one place in `text`."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] != "+")
        after = "".join(line[1:] for line in lines if line[0] != "-")
        assert f"\n{text}".count(f"\n{before}") == 1, before
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}")[1:]
    return text


def run(copy: Path, *command: str) -> str:
    """Run a tool of the development environment in `copy`."""
    program = str(Path(sys.executable).parent / command[0])
    done = start(copy, copy, program, *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def floe(copy: Path, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Promote v1.0.0 on the platform in `folder`, with the floe of `copy`."""
    code = "from cli.main import main; main()"
    promote = ("platform", "promote", "v1.0.0", *options)
    return start(copy, folder, sys.executable, "-c", code, *promote)


def start(copy: Path, folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run `command` in `folder` with the modules of `copy`."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return subprocess.run(
        command,
        cwd=folder,
        env=inherited | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_tests_of_the_new_check_pass(example: Path) -> None:
    tests = ("tests/checks/test_soak_time.py", "tests/domain/test_errors.py")

    out = run(example, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)

    assert "passed" in out


def test_new_check_passes_the_style_and_the_import_contracts(example: Path) -> None:
    run(example, "ruff", "check", "--no-cache", "engine", "tests/checks", "tests/domain")
    run(example, "ruff", "format", "--no-cache", "--check", "engine", "tests/checks")

    assert "0 broken" in run(example, "lint-imports", "--no-cache")


def test_new_check_blocks_a_promotion_and_tells_when_it_ends(example: Path, tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    Floe.on("oci-layout:./registry", tmp_path)

    first = floe(example, tmp_path, "--to", "staging")
    second = floe(example, tmp_path, "--to", "prod", "--output", "json")

    assert (first.returncode, second.returncode) == (0, 11), first.stderr + second.stderr
    error = json.loads(second.stdout)["error"]
    assert error["type"] == "SoakTimeError"
    assert error["message"].startswith("v1.0.0 must run in staging for an hour. Promote it after ")


def test_reference_lists_the_new_error(example: Path) -> None:
    run(example, "python", "-m", "docs.reference")

    reference = (example / "docs" / "reference" / "outputs.md").read_text()
    assert "| `SoakTimeError` | `soak_time` | 11 | 409 |" in reference
