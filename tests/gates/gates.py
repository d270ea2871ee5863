"""Shared set-up of gate tests: a subject, a script and a progress recorder."""

import os
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from engine.adapters.gates import CommandGates
from engine.domain.artifact import Digest, Tag
from engine.domain.gate import Gate, GateKind, GateResult, SecurityRules
from engine.ports import GateSubject

DIGEST = Digest.of(b"artifact")
SUBJECT = GateSubject(
    reference=f"registry.example/acme/platform@{DIGEST}",
    digest=DIGEST,
    tag=Tag("v1.2.3-dev"),
    version="v1.2.3",
    source="dev",
    target="staging",
)
REPOSITORY = Path(__file__).parents[2]


class ProgressLog:
    """Records the progress events."""

    def __init__(self) -> None:
        self.started: list[tuple[GateKind, int]] = []
        self.finished: list[GateResult] = []
        self.outputs: dict[GateKind, bytes] = {}

    def step(self, text: str) -> None: ...

    def advance(self, text: str, done: int, total: int, unit: str) -> None: ...

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        self.started.append((gate, timeout_seconds))

    def gate_finished(self, result: GateResult) -> None:
        self.finished.append(result)

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        self.outputs[gate] = output

    def check_cancelled(self) -> None: ...


def script(directory: Path, code: str, name: str = "gate.py") -> tuple[str, ...]:
    path = directory / name
    path.write_text(textwrap.dedent(code))
    return (sys.executable, "-S", str(path))


def gate(
    *argv: str,
    kind: GateKind = GateKind.TESTS,
    timeout: int = 60,
    env: tuple[str, ...] = (),
    security: SecurityRules | None = None,
) -> Gate:
    return Gate(kind, argv, timeout, env, security)


def run(directory: Path, *gates: Gate, grace_seconds: float = 5) -> tuple[GateResult, ...]:
    runner = CommandGates(directory, os.environ, grace_seconds=grace_seconds)
    return runner.run(gates, SUBJECT, ProgressLog())


def run_keeping(directory: Path, command: Gate) -> tuple[GateResult, bytes]:
    """The result of one gate, and its kept output."""
    progress = ProgressLog()
    (result,) = CommandGates(directory, os.environ).run((command,), SUBJECT, progress)
    return result, progress.outputs[command.kind]


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    """Whether `pid` still runs; a zombie does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
