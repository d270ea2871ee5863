"""The runner of gate commands, and the listener to its progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.domain.artifact import Digest, Tag
from engine.domain.gate import Gate, GateKind, GateResult


@dataclass(frozen=True, slots=True)
class GateSubject:
    """The values of a gate's `${…}` placeholders; `reference` is pinned by digest."""

    reference: str
    digest: Digest
    tag: Tag
    version: str
    source: str
    target: str


class Progress(Protocol):
    """Shows progress to a person who waits. Implementations return at once."""

    def step(self, text: str) -> None: ...
    def advance(self, text: str, done: int, total: int, unit: str) -> None:
        """Show that `done` of `total` are done in the step `text`; `unit` is bytes or entries."""
        ...

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None: ...
    def gate_finished(self, result: GateResult) -> None: ...
    def gate_output(self, gate: GateKind, output: bytes) -> None:
        """Receive the output of a gate, at most 64 KiB of its head and tail, before it finishes."""
        ...

    def check_cancelled(self) -> None:
        """Raise StoppedError to end gates whose result is not needed; called repeatedly."""
        ...


class NoProgress:
    """Implements `Progress` where no person waits: it does nothing."""

    def step(self, text: str) -> None: ...
    def advance(self, text: str, done: int, total: int, unit: str) -> None: ...
    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None: ...
    def gate_finished(self, result: GateResult) -> None: ...
    def gate_output(self, gate: GateKind, output: bytes) -> None: ...
    def check_cancelled(self) -> None: ...


NO_PROGRESS = NoProgress()


class StoppedError(Exception):
    """floe is stopping: the interrupted change has not failed, and another worker continues it."""


class GateRunner(Protocol):
    def run(
        self, gates: Sequence[Gate], subject: GateSubject, progress: Progress
    ) -> tuple[GateResult, ...]:
        """
        Run all gates in parallel, and return their results in the order of `gates`.

        A gate that cannot start, dies by a signal or exceeds `timeout_seconds` has failed; a gate
        never raises an exception.
        """
        ...

    def stop(self) -> None:
        """End all running gates; from now on `run` raises StoppedError."""
        ...


class NoGates:
    """Implements `GateRunner` where no environment has a gate."""

    def run(
        self,
        gates: Sequence[Gate],
        subject: GateSubject,  # noqa: ARG002 - the port's shape
        progress: Progress,  # noqa: ARG002 - the port's shape
    ) -> tuple[GateResult, ...]:
        if gates:
            raise ValueError("there is no runner for gates")
        return ()

    def stop(self) -> None: ...
