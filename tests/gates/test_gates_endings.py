"""The end of gates: timeouts, signals, children and interrupts."""

import os
import signal
import subprocess
import sys
import time

import pytest

from engine.domain.gate import GateStatus
from tests.gates.gates import REPOSITORY, alive, gate, run, script, wait_until


@pytest.mark.requirement("FR-012a")
@pytest.mark.requirement("FR-012b")
@pytest.mark.requirement("FR-012c")
@pytest.mark.requirement("NFR-003")
def test_a_gate_that_times_out_is_killed_with_its_children(tmp_path):
    argv = script(
        tmp_path,
        """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, lambda *_: open("terminated", "a").write("x"))
        open("runs", "a").write("x")
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        grandchild = subprocess.Popen([sys.executable, "-S", "-c", code])
        open("pids", "w").write(f"{os.getpid()} {grandchild.pid}")
        while True:
            time.sleep(1)
        """,
    )

    started = time.monotonic()
    (result,) = run(tmp_path, gate(*argv, timeout=2), grace_seconds=1)
    took = time.monotonic() - started

    assert result.status is GateStatus.FAILED
    assert result.error == "Gate execution timed out after 2 seconds"
    assert result.details["signal"] == "SIGKILL"
    assert 3000 <= result.duration_ms <= took * 1000 + 1
    assert took < 30
    assert (tmp_path / "runs").read_text() == "x"
    assert (tmp_path / "terminated").read_text() == "x"
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        assert wait_until(lambda pid=pid: not alive(pid))


@pytest.mark.requirement("FR-012b")
def test_a_gate_that_exits_0_after_its_timeout_fails(tmp_path):
    argv = script(
        tmp_path,
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        time.sleep(600)
        """,
    )

    (result,) = run(tmp_path, gate(*argv, timeout=1), grace_seconds=60)

    assert result.error == "Gate execution timed out after 1 seconds"
    assert result.duration_ms < 30_000


def test_a_gate_that_never_stops_printing_times_out(tmp_path):
    (result,) = run(tmp_path, gate("yes", timeout=1), grace_seconds=1)

    assert result.error == "Gate execution timed out after 1 seconds"


def test_processes_left_behind_are_killed_without_waiting(tmp_path):
    argv = ("sh", "-c", "sleep 600 & echo $! > pid; echo done")

    (result,) = run(tmp_path, gate(*argv))

    assert result.status is GateStatus.PASSED
    assert result.duration_ms < 30_000
    pid = int((tmp_path / "pid").read_text())
    assert wait_until(lambda: not alive(pid))


def test_a_process_that_left_the_group_is_not_waited_for(tmp_path):
    away = "setsid sh -c 'echo $$ > new; mv new pid; exec sleep 60' &"

    (result,) = run(tmp_path, gate("sh", "-c", f"{away} while [ ! -e pid ]; do sleep 0.05; done"))
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    assert result.status is GateStatus.PASSED
    assert result.duration_ms < 30_000


INTERRUPTED = """
import os, pathlib, signal, sys
from engine.adapters.gates import CommandGates
from engine.domain.gate import Gate, GateKind
from tests.gates.gates import SUBJECT, ProgressLog

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
here = pathlib.Path(sys.argv[1])
gates = [Gate(kind, ("sh", "-c", f"trap '' TERM; echo $$ > {kind}.new; mv {kind}.new {kind}.pid; "
              "sleep 600; sleep 600")) for kind in (GateKind.TESTS, GateKind.COST_ANALYSIS)]
CommandGates(here, os.environ, grace_seconds=0.5).run(gates, SUBJECT, ProgressLog())
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -2), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_every_gate_before_it_is_raised(tmp_path, number, status):
    argv = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    with subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.PIPE) as floe:
        files = [tmp_path / "tests.pid", tmp_path / "cost_analysis.pid"]
        assert wait_until(lambda: all(file.exists() for file in files), 60)

        floe.send_signal(number)
        floe.communicate(timeout=60)

    assert floe.returncode == status
    for file in files:
        assert not alive(int(file.read_text()))


def test_a_gate_with_an_unknown_exit_status_fails(tmp_path):
    code = f"""
import os, pathlib, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from engine.adapters.gates import CommandGates
from engine.domain.gate import Gate, GateKind
from tests.gates.gates import SUBJECT, ProgressLog
gates = CommandGates(pathlib.Path({str(tmp_path)!r}), os.environ)
(result,) = gates.run([Gate(GateKind.TESTS, ("false",))], SUBJECT, ProgressLog())
print(result.status, result.error)
"""

    said = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert said.stdout == "failed ended with an unknown exit status\n"
