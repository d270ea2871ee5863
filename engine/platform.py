"""An engine together with its changes, for servers and commands that need approvals."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from engine.api import Engine
from engine.changes.decisions import Changes
from engine.changes.foreground import Foreground
from engine.changes.gate_events import kept_output
from engine.changes.memberships import Memberships
from engine.changes.worker import Worker
from engine.changes.workflow import Progression
from engine.domain.gate import GateKind
from engine.domain.plan import Plan
from engine.domain.selection import Selection
from engine.ports.change_store import OUTPUTS_KEPT, ChangeStore
from engine.runtime.wakeups import NO_WAKEUPS, Wakeups


@dataclass(frozen=True)
class Platform:
    """
    An engine and its changes.

    `changes` makes decisions, `progression` moves changes, `worker` carries them out in the
    background once a server has started it. `store` has the feed that interfaces follow, and the
    output of gates. `memberships` reads the groups of operators again. `refused` records the
    refusals of a plan, as far as possible. `wakeups` wakes loops that follow
    the work of other servers.
    """

    engine: Engine
    changes: Changes
    progression: Progression
    worker: Worker
    store: ChangeStore
    memberships: Memberships
    refused: Callable[[Plan], None] = lambda _plan: None
    wakeups: Wakeups = NO_WAKEUPS

    def gate_output(
        self, run: str, gate: GateKind, trace_of: Callable[[str], str | None] | None = None
    ) -> bytes | None:
        """
        Read the output of `gate` by the id of a change, trace or record; None if it is not stored.
        `trace_of` finds the trace id of a record; by default the ledgers are read for it.
        """
        return kept_output(self.store, run, gate, trace_of or self._trace_of)

    def _trace_of(self, record_id: str) -> str | None:
        since = self.engine.now() - OUTPUTS_KEPT
        with closing(self.engine.audit(Selection(since=since))) as entries:
            records = (entry.record for entry in entries)
            return next((each.trace_id for each in records if each.id == record_id), None)

    @property
    def foreground(self) -> Foreground:
        """A worker for a command, which carries out its own change and waits for it."""
        return Foreground(self.progression, self.store)
