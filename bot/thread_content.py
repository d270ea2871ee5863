"""Everything that is said about a change, as it should stand now."""

from collections.abc import Iterator

from bot.blocks import thread
from bot.blocks.change import GateProgress, root
from bot.blocks.rendering_context import Look
from bot.message_store import Wanted
from engine.domain.change import Change, ChangeState
from engine.domain.gate import GateStatus


def announced(change: Change, gates: GateProgress, look: Look, ask_link: str | None) -> Wanted:
    """Its one message in the channel."""
    payload = root(change, gates, look, ask_link)
    return Wanted(root_key(change.id), payload, urgent=not change.open)


def thread_of(change: Change, look: Look, approvers: str) -> Iterator[Wanted]:
    """What stands under it, beside the gates: the ask, who agreed, how it ended."""
    parent = root_key(change.id)
    if change.required:
        waits = change.state is ChangeState.AWAITING_APPROVAL
        payload = thread.ask(change, look, approvers)
        # Whom it was put to has decided already: nobody is asked after the fact.
        yield Wanted(f"{change.id}:ask", payload, parent, urgent=not waits, only_there=not waits)
    for place, given in enumerate(change.approvals):
        key = f"{change.id}:approved:{place}:{int(given.approved_at.timestamp())}"
        yield Wanted(key, thread.approved(key, change, place), parent)
    if not change.open:
        payload = thread.end(change, look)
        yield Wanted(f"{change.id}:end", payload, parent, broadcast=concerns_all(change, look))


def reminded(change: Change, approvers: str) -> Wanted:
    payload = thread.reminder(change, approvers)
    return Wanted(f"{change.id}:reminder", payload, root_key(change.id))


def root_key(change_id: str) -> str:
    return f"{change_id}:root"


def hidden(change: Change) -> bool:
    """Refused before it began: that is between us and whoever asked."""
    early = change.state in (ChangeState.CHECKING, ChangeState.BLOCKED)
    return early and change.context.get("quiet") is True


def concerns_all(change: Change, look: Look) -> bool:
    """What the whole channel is told, not only those who follow the thread."""
    if change.state is ChangeState.EXPIRED:
        return True
    if change.state is ChangeState.PROMOTED:
        return change.action == "rollback"
    failed = any(result.status is GateStatus.FAILED for result in change.gate_results)
    return change.state is ChangeState.BLOCKED and failed and change.target == look.last
