"""What the way a command ended means for its gate."""

import signal
from typing import Protocol

from pydantic import JsonValue

from engine.adapters.gates.output import MAX_REPORT_BYTES, KeptOutput, Report
from engine.adapters.gates.process import Ending
from engine.domain.gate import Gate, GateResult, GateStatus
from engine.domain.text import printable

_ERROR_CHARACTERS = 500
_UNKNOWN = "ended, and its exit status cannot be known"


class ReportJudge(Protocol):
    """Judges what a scanner reported on its standard output."""

    def __call__(self, gate: Gate, report: bytes, exit_status: int) -> GateResult:
        """
        The verdict by `gate.security`; the runner adds duration and details. A report that cannot
        be understood is a failed result or a ValueError, never a passed one.
        """
        ...


def failed(gate: Gate, error: str) -> GateResult:
    return GateResult(
        gate=gate.kind, status=GateStatus.FAILED, error=printable(error)[:_ERROR_CHARACTERS]
    )


def by_exit_status(gate: Gate, ending: Ending, output: KeptOutput) -> GateResult:
    """Exit 0 passes and nothing else does."""
    error = _cut_short(gate, ending)
    if error is None and ending.exit_status == 0:
        return GateResult(gate=gate.kind, status=GateStatus.PASSED)
    return failed(gate, error or _exit_line(ending, output))


def by_report(
    gate: Gate, ending: Ending, report: Report, output: KeptOutput, judge: ReportJudge
) -> GateResult:
    """
    What `judge` says, whatever the exit status: scanners exit 1 when they find something. A
    scanner that did not end by itself is not judged, since its report may be a part.
    """
    error = _cut_short(gate, ending)
    if error is None and report.too_large:
        error = f"the scanner's report is larger than {MAX_REPORT_BYTES} bytes"
    status = ending.exit_status
    if error is not None or status is None:
        return failed(gate, error or _UNKNOWN)
    try:
        verdict = judge(gate, report.read(), status)
    except ValueError as reason:
        verdict = failed(gate, f"the scanner's report cannot be judged: {reason}")
    if verdict.error and verdict.security_summary is None and status != 0:
        # Without a usable report, the scanner's own last words say why.
        return failed(gate, f"{verdict.error} ({_exit_line(ending, output)})")
    return verdict


def details_of(
    argv: list[str], ending: Ending, output: KeptOutput | Report
) -> dict[str, JsonValue]:
    """For the record: never the arguments, which may hold what should not be kept for ever."""
    details: dict[str, JsonValue] = {
        "command": printable(argv[0]),
        "exit_status": ending.exit_status,
        "output_sha256": output.sha256,
        "output_bytes": output.size,
    }
    if ending.killed_by is not None:
        details["signal"] = _signal_name(ending.killed_by)
    return details


def _cut_short(gate: Gate, ending: Ending) -> str | None:
    """Why the command did not end by itself; None when it did."""
    if ending.timed_out:
        return f"Gate execution timed out after {gate.timeout_seconds} seconds"
    if ending.stopped:
        return "interrupted before it ended"
    if ending.killed_by is not None:
        return f"ended by signal {_signal_name(ending.killed_by)}"
    if ending.exit_status is None:
        return _UNKNOWN
    return None


def _exit_line(ending: Ending, output: KeptOutput) -> str:
    status = f"exit status {ending.exit_status}"
    return f"{status}: {output.last_line}" if output.last_line else status


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)  # A real-time signal has no name of its own.
