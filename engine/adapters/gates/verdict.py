"""Decides the result of a gate from the way its command ended."""

import signal
from typing import Protocol

from pydantic import JsonValue

from engine.adapters.gates.output import MAX_REPORT_BYTES, Report, TruncatedOutput
from engine.adapters.gates.process import Ending
from engine.domain.gate import Gate, GateResult, GateStatus
from engine.domain.text import printable

_ERROR_CHARACTERS = 500
_UNKNOWN = "ended with an unknown exit status"


class ReportJudge(Protocol):
    """Evaluates the report on a scanner's standard output."""

    def __call__(self, gate: Gate, report: bytes, exit_status: int) -> GateResult:
        """
        Evaluate `report` by `gate.security`; the runner adds duration and details. A report that
        cannot be parsed is a failed result or a ValueError, never a passed result.
        """
        ...


def failed(gate: Gate, error: str) -> GateResult:
    return GateResult(
        gate=gate.kind, status=GateStatus.FAILED, error=printable(error)[:_ERROR_CHARACTERS]
    )


def judge_exit_status(gate: Gate, ending: Ending, output: TruncatedOutput) -> GateResult:
    """Pass on exit status 0 only."""
    error = _cut_short(gate, ending)
    if error is None and ending.exit_status == 0:
        return GateResult(gate=gate.kind, status=GateStatus.PASSED)
    return failed(gate, error or _exit_line(ending, output))


def judge_report(
    gate: Gate, ending: Ending, report: Report, output: TruncatedOutput, judge: ReportJudge
) -> GateResult:
    """
    The result of `judge`; scanners exit with 1 when they find something. A scanner that did not
    end by itself fails, since its report may be incomplete.
    """
    error = _cut_short(gate, ending)
    if error is None and report.too_large:
        error = f"the scanner's report is larger than {MAX_REPORT_BYTES} bytes"
    status = ending.exit_status
    if error is not None or status is None:
        return failed(gate, error or _UNKNOWN)
    try:
        result = judge(gate, report.read(), status)
    except ValueError as reason:
        result = failed(gate, f"the scanner's report cannot be evaluated: {reason}")
    if result.error and result.security_summary is None and status != 0:
        # Without a usable report, the last line of the output gives the reason.
        return failed(gate, f"{result.error} ({_exit_line(ending, output)})")
    return result


def details_of(
    argv: list[str], ending: Ending, output: TruncatedOutput | Report
) -> dict[str, JsonValue]:
    """Details for the record; without arguments, which may contain secrets."""
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
    """The reason why the command did not end by itself; None if it did."""
    if ending.timed_out:
        return f"Gate execution timed out after {gate.timeout_seconds} seconds"
    if ending.stopped:
        return "interrupted before it ended"
    if ending.killed_by is not None:
        return f"killed by signal {_signal_name(ending.killed_by)}"
    if ending.exit_status is None:
        return _UNKNOWN
    return None


def _exit_line(ending: Ending, output: TruncatedOutput) -> str:
    status = f"exit status {ending.exit_status}"
    return f"{status}: {output.last_line}" if output.last_line else status


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)  # Real-time signals have no names.
