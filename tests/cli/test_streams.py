"""Standard streams that are closed, full, abandoned by their reader, or of a small charset."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

ROOT = Path(__file__).parents[2]
GATED = (
    "{environments: [{name: dev}, {name: staging, gates: {tests: true}}],"
    " gate_commands: {tests: 'true'}}"
)
REFUSED = ("platform", "promote", "v1.0.0", "--to", "nowhere")
USAGE = ("platform", "promote", "--output", "json")
STATUS = ("platform", "status")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    Floe.on("oci-layout:./registry", tmp_path, GATED)
    return tmp_path


def run_in_shell(folder: Path, shell: str, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Run `floe` with the redirections of `shell`: exit code, stdout and stderr."""
    program = f'exec "{sys.executable}" -c "from cli.main import main; main()" "$@" {shell}'
    done = subprocess.run(
        ["bash", "-c", program, "floe", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        timeout=100,
        check=False,
    )
    written = environ.get("PYTHONIOENCODING", "utf-8").replace("ascii", "utf-8")
    return done.returncode, done.stdout.decode(written), done.stderr.decode(written)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((*STATUS, "--output", "yaml"), 1),
        (("--help",), 1),
        (("schema",), 1),
        ((*REFUSED, "--output", "json"), 2),
        (USAGE, 2),
    ],
)
def test_answer_that_does_not_fit_on_the_disk_is_an_error(
    folder: Path, arguments: tuple[str, ...], code: int
) -> None:
    ended, _, err = run_in_shell(folder, ">/dev/full", *arguments)

    assert ended == code
    assert err == "The answer could not be written: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("arguments", "code"), [(STATUS, 0), (REFUSED, 2), (USAGE, 2)])
def test_closed_streams_change_no_exit_code(
    folder: Path, closed: str, arguments: tuple[str, ...], code: int
) -> None:
    ended, out, err = run_in_shell(folder, closed, *arguments)

    assert ended == code
    assert "Traceback" not in out + err


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "left"])
def test_promotion_is_carried_out_without_a_reader_of_its_progress(
    folder: Path, stderr: str
) -> None:
    arguments = ("platform", "promote", "v1.0.0", "--to", "staging", "--output", "json")

    ended, out, _ = (
        left_by_its_reader(folder, *arguments)
        if stderr == "left"
        else run_in_shell(folder, stderr, *arguments)
    )

    document = json.loads(out)
    assert (ended, document["outcome"], document["error"]) == (0, "promoted", None)


def left_by_its_reader(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run with a stderr pipe that has lost its reader."""
    reading, writing = os.pipe()
    os.close(reading)
    with closing(os.fdopen(writing, "w")):
        return run_in_shell(folder, f"2>/proc/{os.getpid()}/fd/{writing}", *arguments)


@pytest.mark.parametrize(("arguments", "code"), [(STATUS, {0, 1}), (REFUSED, {2}), (USAGE, {2})])
def test_reader_that_leaves_causes_no_error_message(
    folder: Path, arguments: tuple[str, ...], code: set[int]
) -> None:
    ended, _, err = run_in_shell(folder, "2>&1 | true; exit ${PIPESTATUS[0]}", *arguments)

    assert ended in code
    assert err == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_complete_in_every_encoding(folder: Path, encoding: str) -> None:
    named = "→😀é"

    ended, out, err = run_in_shell(
        folder, "", *STATUS, "--env", named, "--output", "json", PYTHONIOENCODING=encoding
    )

    assert (ended, err) == (2, "")
    assert json.loads(out)["error"]["details"]["environment"] == named


def test_characters_missing_in_the_encoding_are_escaped(folder: Path) -> None:
    ended, out, err = run_in_shell(folder, "", *STATUS, "--env", "→", PYTHONIOENCODING="latin-1")

    assert (ended, out) == (2, "")
    assert err.startswith(r"No answer: '\u2192' is not an environment")
