"""Scan gates: results from reports, with a stand-in for the report formats."""

import hashlib
import os
from pathlib import Path

import pytest

from engine.adapters.gates import CommandGates
from engine.domain.gate import Gate, GateKind, GateResult, GateStatus, SecurityRules
from tests.gates.gates import SUBJECT, ProgressLog, gate, run


class Judge:
    """A stand-in for the judge of scanner reports."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, int]] = []

    def __call__(self, gate: Gate, report: bytes, exit_status: int) -> GateResult:
        self.seen.append((report, exit_status))
        if not report:
            raise ValueError("it is empty")
        return GateResult(gate=gate.kind, status=GateStatus.PASSED, details={"secrets": 0})


def scan(directory: Path, judge: Judge, *argv: str, timeout: int = 60) -> tuple[GateResult, bytes]:
    progress = ProgressLog()
    runner = CommandGates(directory, os.environ, judge=judge)
    scanner = gate(*argv, kind=GateKind.SECURITY_SCAN, timeout=timeout, security=SecurityRules())
    (result,) = runner.run((scanner,), SUBJECT, progress)
    return result, progress.outputs.get(GateKind.SECURITY_SCAN, b"")


def test_a_scan_is_judged_by_its_report_and_not_by_its_exit_status(tmp_path):
    judge = Judge()

    command = ("sh", "-c", "echo '{}'; echo a warning >&2; exit 1")
    result, kept = scan(tmp_path, judge, *command)

    assert judge.seen == [(b"{}\n", 1)]
    assert result.status is GateStatus.PASSED
    assert result.details == {
        "secrets": 0,
        "command": "sh",
        "exit_status": 1,
        "output_sha256": hashlib.sha256(b"{}\n").hexdigest(),
        "output_bytes": 3,
    }
    assert b"a warning" in kept


def test_an_unreadable_report_fails_with_the_last_line_of_output(tmp_path):
    command = ("sh", "-c", "echo FATAL no database >&2; exit 2")

    result, _ = scan(tmp_path, Judge(), *command)

    assert result.status is GateStatus.FAILED
    assert result.error == (
        "the scanner's report cannot be evaluated: it is empty (exit status 2: FATAL no database)"
    )


@pytest.mark.parametrize("ending", ["kill -SEGV $$", "sleep 600"])
def test_a_scanner_that_did_not_end_by_itself_is_not_judged(tmp_path, ending):
    judge = Judge()

    result, _ = scan(tmp_path, judge, "sh", "-c", f"echo '{{}}'; {ending}", timeout=1)

    assert result.status is GateStatus.FAILED
    assert judge.seen == []


def test_a_scan_without_a_judge_fails_without_running(tmp_path):
    scanner = gate("touch", "ran", kind=GateKind.SECURITY_SCAN, security=SecurityRules())

    (result,) = run(tmp_path, scanner)

    assert result.status is GateStatus.FAILED
    assert result.error == "not run: its report cannot be evaluated here"
    assert not (tmp_path / "ran").exists()


def test_a_report_larger_than_the_limit_is_not_judged(tmp_path):
    judge = Judge()

    result, _ = scan(tmp_path, judge, "head", "-c", str(65 * 1024 * 1024), "/dev/zero")

    assert result.error == "the scanner's report is larger than 67108864 bytes"
    assert judge.seen == []
