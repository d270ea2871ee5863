"""Limits of a gate: processes, memory and open files, as far as Linux supports them."""

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.gates import CommandGates, Limits
from engine.domain.gate import GateKind, GateLimits, GateResult, GateStatus
from tests.gates.gates import REPOSITORY, SUBJECT, ProgressLog, gate, script

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")


def run(folder: Path, limits: Limits, code: str) -> tuple[GateResult, str]:
    """Run `code` as a gate; its result and output."""
    progress = ProgressLog()
    gates = CommandGates(folder, os.environ, limits=limits)
    [result] = gates.run([gate(*script(folder, code))], SUBJECT, progress)
    return result, progress.outputs[result.gate].decode()


def test_a_gate_over_its_memory_limit_fails(tmp_path: Path) -> None:
    code = "import time; time.sleep(0.5); bytearray(512 * 1024 * 1024)"
    free, _ = run(tmp_path, Limits(), code)
    bound, said = run(tmp_path, Limits(memory_bytes=256 * 1024 * 1024), code)

    assert free.status is GateStatus.PASSED
    assert bound.status is GateStatus.FAILED
    assert "MemoryError" in said


def test_limits_of_a_gate_override_the_general_ones(tmp_path: Path) -> None:
    code = "import time; time.sleep(0.5); bytearray(512 * 1024 * 1024)"
    gates = CommandGates(tmp_path, os.environ, limits=Limits(memory_bytes=256 * 1024 * 1024))
    plain = gate(*script(tmp_path, code))
    roomy = replace(plain, kind=GateKind.COST_ANALYSIS, limits=GateLimits(memory_mb=2048))

    bound, free = gates.run([plain, roomy], SUBJECT, ProgressLog())

    assert (bound.status, free.status) == (GateStatus.FAILED, GateStatus.PASSED)


def test_children_of_a_gate_are_limited_too(tmp_path: Path) -> None:
    code = """
        import subprocess, sys, time
        time.sleep(0.5)
        code = "bytearray(512 * 1024 * 1024)"
        sys.exit(subprocess.run([sys.executable, "-S", "-c", code]).returncode)
    """

    result, said = run(tmp_path, Limits(memory_bytes=256 * 1024 * 1024), code)

    assert result.status is GateStatus.FAILED
    assert "MemoryError" in said


_FORKING = """
import ctypes, os, sys, time
from pathlib import Path
from engine.adapters.gates import CommandGates, Limits
from engine.domain.gate import GateResult
from tests.gates.gates import SUBJECT, ProgressLog, gate

# Built now: this user may not read Python's own files.
GateResult.model_rebuild()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
code = "sleep 0.5; for n in $(seq 60); do sleep 2 & done; wait"
for limits in (Limits(processes=20), Limits(processes=400)):
    progress = ProgressLog()
    gates = CommandGates(Path("/"), {"PATH": os.environ["PATH"], "TMPDIR": "/tmp"}, limits=limits)
    [result] = gates.run([gate("sh", "-c", code)], SUBJECT, progress)
    print(result.status, b"fork" in progress.outputs[result.gate])
"""


def test_a_gate_cannot_exceed_its_process_limit() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _FORKING], cwd=REPOSITORY, capture_output=True, text=True
    )

    assert ran.stdout.splitlines() == ["failed True", "passed False"], ran.stderr


def test_a_gate_has_the_file_limit_of_a_command_and_not_of_the_server(tmp_path: Path) -> None:
    code = "import resource, time; time.sleep(0.5); print(resource.getrlimit(7)[0])"
    assert resource.RLIMIT_NOFILE == 7

    _, said = run(tmp_path, Limits(files=200), code)

    assert said.strip() == "200"


def test_out_of_memory_the_kernel_kills_gates_before_floe(tmp_path: Path) -> None:
    code = "import time; time.sleep(0.5); print(open('/proc/self/oom_score_adj').read())"

    _, said = run(tmp_path, Limits(), code)

    assert int(said) >= 500
