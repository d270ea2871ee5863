"""A gate cannot read secrets of floe's own process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
ROOT = Path(__file__).parents[2]
_NOBODY = 65534
# Run as an ordinary user, who can read other processes of that user unless they are closed.
_FLOE = f"""
import ctypes, os, sys
from pathlib import Path
from engine.domain.gate import GateResult
from tests.gates.gates import gate, run_keeping
# Built now: this user may not read Python's own files.
GateResult.model_rebuild()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid({_NOBODY})
    os.setuid({_NOBODY})
    # The state after every exec.
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
_, output = run_keeping(Path("/"), gate("sh", "-c", sys.argv[1]))
sys.stdout.buffer.write(output)
"""


def printed_by(command: str) -> str:
    """Return the output of `command` as a gate of a process whose environment has a token."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "SLACK_BOT_TOKEN": "xoxb-canary"}
    ran = subprocess.run(
        [sys.executable, "-c", _FLOE, command],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("file", ["environ", "mem", "maps"])
def test_gate_cannot_open_the_process_that_started_it(file: str) -> None:
    printed = printed_by(f"head -c 1 /proc/$PPID/{file}; cat /proc/$PPID/environ")

    assert printed.count("Permission denied") == 2
    assert "canary" not in printed


def test_gate_can_read_its_own_process() -> None:
    printed = printed_by("tr '\\0' '\\n' < /proc/self/environ")

    assert "TARGET_ENV=staging" in printed
    assert "canary" not in printed
