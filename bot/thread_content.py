"""The messages about a change, as they should be now."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from bot.blocks import thread
from bot.blocks.change import render_card
from bot.blocks.deployment import Deployed
from bot.blocks.gates import GateProgress, gate_output
from bot.blocks.rendering_context import RenderingContext
from bot.message_store import DesiredMessage
from engine.domain.change import Change, ChangeState
from engine.domain.gate import GateKind, GateStatus

_EARLY = (ChangeState.CHECKING, ChangeState.BLOCKED, ChangeState.FAILED, ChangeState.STALE)


def card_message(
    change: Change,
    gates: GateProgress,
    rendering: RenderingContext,
    request_link: str | None,
    deployed: Mapping[str, JsonValue] | None = None,
) -> DesiredMessage:
    """The card in the channel; `deployed` are the details of `deployment_events.last_rollout`."""
    health = None
    if deployed is not None:
        health = Deployed(str(deployed.get("summary")), deployed.get("failed") is True)
    payload = render_card(change, gates, rendering, request_link, health)
    # Urgent if buttons may have to disappear.
    urgent = not change.open or change.scheduled_at is not None
    return DesiredMessage(card_key(change.id), payload, urgent=urgent)


def thread_messages(
    change: Change, rendering: RenderingContext, approvers: str
) -> Iterator[DesiredMessage]:
    """The messages in its thread: approval request, approvals and end."""
    parent = card_key(change.id)
    if change.required:
        waits = change.state is ChangeState.AWAITING_APPROVAL
        payload = thread.approval_request(change, rendering, approvers)
        # A decided change only edits its request and never posts a new one.
        key = f"{change.id}:ask"
        # Urgent: people must not click buttons of a change that has moved on.
        yield DesiredMessage(key, payload, parent, urgent=True, edit_only=not waits)
    for place, given in enumerate(change.approvals):
        key = f"{change.id}:approved:{place}:{int(given.approved_at.timestamp())}"
        yield DesiredMessage(key, thread.approval_notice(key, change, place), parent)
    if not change.open:
        payload = thread.end_notice(change, rendering)
        broadcast = should_broadcast(change, rendering)
        yield DesiredMessage(f"{change.id}:end", payload, parent, broadcast=broadcast)


def reminder_message(change: Change, approvers: str) -> DesiredMessage:
    payload = thread.reminder(change, approvers)
    return DesiredMessage(f"{change.id}:reminder", payload, card_key(change.id))


def escalation_message(change: Change, approvers: str) -> DesiredMessage:
    payload = thread.escalation_notice(change, approvers)
    return DesiredMessage(f"{change.id}:escalated", payload, card_key(change.id))


def output_message(
    change: Change, gate: GateKind, output: bytes, rendering: RenderingContext
) -> DesiredMessage:
    """The last lines of a failed gate."""
    key = f"{change.id}:output:{gate.value}"
    payload = gate_output(key, change, gate.value, output, rendering)
    return DesiredMessage(key, payload, card_key(change.id))


def checkpoint_message(change_id: str, details: Mapping[str, JsonValue]) -> DesiredMessage:
    payload = thread.checkpoint_notice(f"{change_id}:checkpoint", details)
    return DesiredMessage(f"{change_id}:checkpoint", payload, card_key(change_id))


def card_key(change_id: str) -> str:
    return f"{change_id}:root"


def is_hidden(change: Change) -> bool:
    """Whether the change was refused at once, so that only the requester gets a message."""
    return change.state in _EARLY and change.context.get("quiet") is True


def should_broadcast(change: Change, rendering: RenderingContext) -> bool:
    """Whether the end of the change is also posted to the channel."""
    if change.state is ChangeState.EXPIRED:
        return True
    if change.state is ChangeState.PROMOTED:
        return change.action == "rollback"
    if change.state is not ChangeState.BLOCKED or change.target != rendering.last_environment:
        return False
    return any(result.status is GateStatus.FAILED for result in change.gate_results)
