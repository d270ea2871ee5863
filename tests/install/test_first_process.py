"""floe as process 1 of a container: it reaps orphans of gates, and ends on SIGTERM."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Finished, Floe, finish

ROOT = Path(__file__).parents[2]
_UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_LEAVES_ORPHANS = "for n in 1 2 3; do setsid sleep 0.2 & done; exit 0"
_SEES_NO_ZOMBIE = "sleep 1.5; ! grep -l State:.Z /proc/[0-9]*/status"
_GATES = (
    "{environments: [{name: dev}, {name: staging, gates: {"
    'tests: {command: [sh, -c, "%s"]}, cost_analysis: {command: [sh, -c, "%s"]}}}]}'
)


def _namespaces() -> bool:
    found = shutil.which("unshare")
    return found is not None and subprocess.run([*_UNSHARE, "true"], check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not _namespaces(), reason="a namespace of processes needs root on Linux"
)


def start(floe: Floe, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start `floe` as the first process of its own namespace."""
    return subprocess.Popen(
        [*_UNSHARE, sys.executable, "-c", "from cli.main import main; main()", *arguments],
        cwd=floe.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def promote(floe: Floe) -> Finished:
    words = ("platform", "promote", "v1.0.0", "--to", "staging", "--output", "json")
    return finish(start(floe, *words))


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    oci_layout.write(tmp_path / "registry", image(b"v1.0.0"), "v1.0.0-dev")
    return Floe.on(f"oci-layout:{tmp_path}/registry", tmp_path)


def with_gates(floe: Floe, *gates: str) -> Floe:
    return Floe.on(f"oci-layout:{floe.folder}/registry", floe.folder, _GATES % gates)


def test_orphans_of_gates_are_reaped(floe: Floe) -> None:
    ended = promote(with_gates(floe, _LEAVES_ORPHANS, _SEES_NO_ZOMBIE))

    assert ended.code == 0, ended.out + ended.err
    assert ended.document["outcome"] == "promoted"


def test_exit_code_of_a_refusal_is_passed_on(floe: Floe) -> None:
    ended = promote(with_gates(floe, "exit 1", "exit 0"))

    assert ended.code == 8, ended.out


def test_server_ends_when_the_first_process_gets_sigterm(floe: Floe) -> None:
    with start(floe, "serve", "--port", "0") as outer:
        assert outer.stderr is not None
        said = ""
        while not re.search(r"Serving http://\S+", said):
            line = outer.stderr.readline().decode()
            assert line, said
            said += line
        first = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
        # The signal handler is installed a moment after the server reports readiness.
        time.sleep(0.2)
        os.kill(first, signal.SIGTERM)
        said += outer.communicate(timeout=60)[1].decode()

    assert outer.returncode == 0, said
    assert "Traceback" not in said


def test_child_killed_by_a_signal_has_a_shell_exit_code(floe: Floe) -> None:
    words = "import os, signal; from engine.runtime.init_process import continue_in_child"
    code = f"{words}; continue_in_child(); os.kill(os.getpid(), signal.SIGKILL)"

    ran = subprocess.run([*_UNSHARE, sys.executable, "-c", code], cwd=ROOT, check=False)

    assert ran.returncode == 128 + signal.SIGKILL
