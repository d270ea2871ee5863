"""Nobody watches while the bot has a request planned: Slack follows the feed instead."""

from engine.domain.gate import GateKind, GateResult


class Quiet:
    """Implements `engine.ports.Progress`."""

    def step(self, text: str) -> None: ...
    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None: ...
    def gate_finished(self, result: GateResult) -> None: ...
    def gate_output(self, gate: GateKind, output: bytes) -> None: ...


QUIET = Quiet()
