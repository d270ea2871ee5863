"""Progress on stderr while a command runs."""

import sys
import time
from typing import TYPE_CHECKING

import click

from cli.options import is_quiet
from cli.stdio import remark, show_passing, wants_colour
from engine.domain.change import ChangeState
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.text import last_lines, printable

if TYPE_CHECKING:
    from engine.responses.change import ChangeResponse

_BYTES = "bytes"
_BAR_WIDTH = 20
_REDRAW_SECONDS = 0.1


class TerminalProgress:
    """
    Implements `engine.ports.Progress`: a terminal shows the present step in a line that vanishes.

    Elsewhere each event is a line, which keeps CI logs readable. With --quiet, only failed gates
    are shown. Errors of stderr do not stop the command.
    """

    def __init__(self) -> None:
        self._quiet = is_quiet()
        self._shown: tuple[ChangeState, int] | None = None
        self._outputs: dict[GateKind, bytes] = {}
        self._running: list[str] = []
        # The time and the amount at the first report of each step; a pull is one step.
        self._began: dict[tuple[str, str], tuple[float, int]] = {}
        self._drawn = 0.0

    def step(self, text: str) -> None:
        # Steps are quick, so only a terminal shows them.
        if not self._quiet:
            show_passing(f"… {printable(text)}")

    def advance(self, text: str, done: int, total: int, unit: str) -> None:
        """Show a bar with the rate and the time left, on a terminal only."""
        now = time.monotonic()
        since, first = self._began.setdefault((text if unit != _BYTES else "", unit), (now, done))
        if self._quiet or (now - self._drawn < _REDRAW_SECONDS and done < total):
            return
        self._drawn = now
        rate = (done - first) / (now - since) if now > since else 0.0
        # A name may be long, and the line is cut.
        show_passing(f"{_bar(done, total, unit, rate)}: {printable(text)}")

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        self._running.append(gate.value)
        if not self._quiet and not self._show_running():
            remark(f"… {gate.value}: running, for at most {timeout_seconds} s")

    def gate_finished(self, result: GateResult) -> None:
        self._running = [name for name in self._running if name != result.gate.value]
        output = self._outputs.pop(result.gate, b"")
        failed = result.status is GateStatus.FAILED
        if failed or not self._quiet:
            remark(_result_line(result))
        for line in last_lines(output) if failed else ():
            remark(f"  | {line}")
        if self._running and not self._quiet:
            self._show_running()

    def _show_running(self) -> bool:
        return show_passing(f"… {', '.join(self._running)}: running")

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        """Keep `output` to show its last lines if the gate fails."""
        self._outputs[gate] = output

    def check_cancelled(self) -> None:
        """Ctrl-C ends a command by itself."""

    def waiting(self, change: "ChangeResponse", seconds_left: float) -> None:
        """Show the state of `change`; where lines stay, once and again after each approval."""
        known = (change.state, len(change.approvals))
        text = (
            f"… {change.change_id}: {change.state.value}, {len(change.approvals)} of "
            f"{change.required} approvals; waiting {round(seconds_left)} s more"
        )
        if not self._quiet and not show_passing(text) and known != self._shown:
            remark(text)
        self._shown = known


def _bar(done: int, total: int, unit: str, rate: float) -> str:
    """Write like `[#####---------------]  25%, 500 of 2000 entries, 125/s, 12 s left`."""
    share = min(done / total, 1.0) if total else 1.0
    filled = round(share * _BAR_WIDTH)
    bar = f"[{'#' * filled}{'-' * (_BAR_WIDTH - filled)}] {share:4.0%}"
    if unit == _BYTES:
        amount, speed = f"{_megabytes(done)} of {_megabytes(total)} MB", f"{_megabytes(rate)} MB/s"
    else:
        amount, speed = f"{done} of {total} {unit}", f"{rate:.0f}/s"
    left = f", {_span((total - done) / rate)} left" if rate > 0 and done < total else ""
    return f"{bar}, {amount}{f', {speed}' if rate > 0 else ''}{left}"


def _megabytes(size: float) -> str:
    return f"{size / 1_000_000:.1f}"


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _result_line(result: GateResult) -> str:
    status = result.status.value
    if wants_colour(sys.stderr):
        status = click.style(status, fg="red" if result.status is GateStatus.FAILED else "green")
    error = f": {printable(result.error)}" if result.error else ""
    return f"… {result.gate.value}: {status} in {result.duration_ms / 1000:.1f} s{error}"
