"""Progress on stderr while a command runs."""

import sys

import click

from cli.stdio import remark
from engine.domain.change import ChangeState
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.text import printable
from engine.responses.change import ChangeResponse

_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 500


def last_lines(output: bytes) -> list[str]:
    """Return the last 20 lines of `output`, printable, each cut to 500 characters."""
    lines = output.decode(errors="replace").splitlines()[-_SHOWN_LINES:]
    return [printable(line[:_SHOWN_CHARACTERS]) for line in lines]


class TerminalProgress:
    """
    Implements `engine.ports.Progress` with one line per event, which keeps CI logs readable.

    Errors of stderr do not stop the command.
    """

    def __init__(self) -> None:
        self._shown: tuple[ChangeState, int] | None = None
        self._outputs: dict[GateKind, bytes] = {}

    def step(self, text: str) -> None:
        # Steps are quick, so only a terminal shows them.
        if sys.stderr.isatty():
            remark(click.style(f"… {printable(text)}", dim=True))

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        remark(f"… {gate.value}: running, for at most {timeout_seconds} s")

    def gate_finished(self, result: GateResult) -> None:
        seconds = result.duration_ms / 1000
        error = f": {printable(result.error)}" if result.error else ""
        remark(f"… {result.gate.value}: {result.status.value} in {seconds:.1f} s{error}")
        output = self._outputs.pop(result.gate, b"")
        if result.status is GateStatus.FAILED:
            for line in last_lines(output):
                remark(f"  | {line}")

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        """Keep `output` to show its last lines if the gate fails."""
        self._outputs[gate] = output

    def check_cancelled(self) -> None:
        """Ctrl-C ends a command by itself."""

    def waiting(self, change: ChangeResponse, seconds_left: float) -> None:
        """Print the state of `change` once, and again after each approval."""
        known = (change.state, len(change.approvals))
        if known != self._shown:
            self._shown = known
            remark(
                f"… {change.change_id}: {change.state.value}, {len(change.approvals)} of "
                f"{change.required} approvals; waiting {round(seconds_left)} s more"
            )
