"""Record gate progress as change events, which every interface shows."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import JsonValue

from engine.changes.heartbeat import Claim
from engine.domain.change import Change
from engine.domain.errors import StoreUnavailableError
from engine.domain.gate import GateKind, GateResult
from engine.ports import Progress
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)
# The newest changes in which a record is looked for.
_CHANGES = 1000
_RECORD_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True)
class GateOutputRecorder:
    """
    Store the gate output of a run without a change under `run_id`, its trace ID; `outputs` has it
    for a change that is stored later.
    """

    store: ChangeStore
    run_id: str
    inner: Progress
    outputs: dict[GateKind, bytes] = field(default_factory=dict)

    def step(self, text: str) -> None:
        self.inner.step(text)

    def advance(self, text: str, done: int, total: int, unit: str) -> None:
        self.inner.advance(text, done, total, unit)

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        self.inner.gate_started(gate, timeout_seconds)

    def gate_finished(self, result: GateResult) -> None:
        self.inner.gate_finished(result)

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        """Store the output; the run continues if that fails."""
        self.outputs[gate] = output
        try:
            self.store.keep_output(self.run_id, gate, output)
        except StoreUnavailableError as error:
            _log.warning("output of gate %s not stored: %s", gate, error)
        self.inner.gate_output(gate, output)

    def check_cancelled(self) -> None:
        self.inner.check_cancelled()


def kept_output(
    store: ChangeStore, run: str, gate: GateKind, trace_of: Callable[[str], str | None]
) -> bytes | None:
    """
    Read the output of `gate` in a run, named by its change, its trace id or the id of its record;
    `trace_of` finds the trace id of a record. None where nothing is kept.
    """
    kept = store.output(run, gate)
    if kept is not None or not _RECORD_ID.fullmatch(run):
        return kept
    changes = (change.id for change in store.recent(_CHANGES) if change.record_id == run)
    found = next(changes, None) or trace_of(run)
    return store.output(found, gate) if found else None


@dataclass(frozen=True)
class GateEventRecorder:
    """Progress that also writes events to `store`; StoreUnavailableError if that fails."""

    store: ChangeStore
    change: Change
    inner: Progress
    claim: Claim | None = None

    def step(self, text: str) -> None:
        self.inner.step(text)

    def advance(self, text: str, done: int, total: int, unit: str) -> None:
        self.inner.advance(text, done, total, unit)

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        self.check_cancelled()
        details: dict[str, JsonValue] = {"gate": gate.value, "timeout_seconds": timeout_seconds}
        self.store.add_events(self.change.id, [("gate_started", details)])
        self.inner.gate_started(gate, timeout_seconds)

    def gate_finished(self, result: GateResult) -> None:
        self.check_cancelled()
        details: dict[str, JsonValue] = {"result": result.model_dump(mode="json")}
        self.store.add_events(self.change.id, [("gate_finished", details)])
        self.store.keep_gate_seconds(self.change.target, result.gate, result.duration_ms / 1000)
        self.inner.gate_finished(result)

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        self.check_cancelled()
        self.store.keep_output(self.change.id, gate, output)
        self.inner.gate_output(gate, output)

    def check_cancelled(self) -> None:
        if self.claim is not None:
            self.claim.check()
        self.inner.check_cancelled()
