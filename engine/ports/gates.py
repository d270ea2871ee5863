"""Gates as commands, and whoever is told how they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.domain.artifact import Digest, Tag
from engine.domain.gate import Gate, GateKind, GateResult


@dataclass(frozen=True, slots=True)
class GateSubject:
    """What a gate judges, for its `${…}` placeholders; `reference` is pinned by digest."""

    reference: str
    digest: Digest
    tag: Tag
    version: str
    source: str
    target: str


class Progress(Protocol):
    """Told what happens while somebody waits. Implementations never raise and return at once."""

    def step(self, text: str) -> None: ...
    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None: ...
    def gate_finished(self, result: GateResult) -> None: ...
    def gate_output(self, gate: GateKind, output: bytes) -> None:
        """What the gate printed, at most 64 KiB of its head and tail; before it is finished."""
        ...


class Silent:
    """Implements `Progress` for whom nobody waits."""

    def step(self, text: str) -> None: ...
    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None: ...
    def gate_finished(self, result: GateResult) -> None: ...
    def gate_output(self, gate: GateKind, output: bytes) -> None: ...


SILENT = Silent()


class StoppedError(Exception):
    """floe is stopping: what was under way has not failed, and somebody else takes it up."""


class GateRunner(Protocol):
    def run(
        self, gates: Sequence[Gate], subject: GateSubject, progress: Progress
    ) -> tuple[GateResult, ...]:
        """
        Run every gate once, side by side, and return their results in the order of `gates`.

        A gate that cannot start, dies by a signal or exceeds `timeout_seconds` has failed; nothing
        about a gate is ever an exception.
        """
        ...

    def stop(self) -> None:
        """End what runs and let nothing begin: from now on `run` raises StoppedError."""
        ...
