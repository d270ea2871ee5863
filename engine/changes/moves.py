"""Move a change in the store, and report its end."""

from engine.domain.change import Change
from engine.execution.audit_reports import report_change
from engine.execution.runner import Runner
from engine.ports.change_store import ChangeStore, Note


def move(
    runner: Runner, store: ChangeStore, before: Change, after: Change, note: Note
) -> Change | None:
    """Replace `before` by `after`, and return it; None if another process moved `before` first."""
    if not store.move(before, after, [note]):
        return None
    report_change(runner, after)
    return after
