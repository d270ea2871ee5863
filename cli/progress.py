"""What goes on while somebody waits, on stderr."""

import sys

import click

from cli.stdio import remark
from engine.domain.change import Change, ChangeState
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.text import printable

_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 500


def last_lines(output: bytes) -> list[str]:
    """The last 20 lines of `output`, printable, each cut to 500 characters."""
    lines = output.decode(errors="replace").splitlines()[-_SHOWN_LINES:]
    return [printable(line[:_SHOWN_CHARACTERS]) for line in lines]


class TerminalProgress:
    """
    Implements `engine.ports.Progress`: one line per event, so that logs stay readable. Nothing
    that is done depends on whether somebody reads them.
    """

    def __init__(self) -> None:
        self._told: tuple[ChangeState, int] | None = None
        self._outputs: dict[GateKind, bytes] = {}

    def step(self, text: str) -> None:
        # Steps are quick; they are only worth a line to somebody who watches.
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
        """Its last lines are shown once the gate has failed."""
        self._outputs[gate] = output

    def waiting(self, change: Change, seconds_left: float) -> None:
        """Once when it begins, and again whenever an approval came."""
        known = (change.state, len(change.approvals))
        if known != self._told:
            self._told = known
            remark(
                f"… {change.id}: {change.state.value}, {len(change.approvals)} of "
                f"{change.required} approvals; waiting {round(seconds_left)} s more"
            )
