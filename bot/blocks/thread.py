"""Messages in the thread of a change: approval request, approvals, reminder, end."""

from collections.abc import Mapping

from pydantic import JsonValue

from bot.blocks.change import (
    approvals_text,
    done_word,
    end_text,
    gate_summary,
    held_text,
    mention_approver,
    rule_lines,
    warning_blocks,
)
from bot.blocks.elements import (
    Block,
    Payload,
    actions,
    anchor_context,
    button,
    confirmation,
    context,
    escape,
    format_time,
    join_lines,
    link,
    mention,
    section,
    trace_context,
)
from bot.blocks.impact import impact_lines
from bot.blocks.rendering_context import RenderingContext, describe_step
from engine.changes.checkpoint_events import checkpoint_text
from engine.domain.change import Change, ChangeState
from engine.domain.impact.delta import describe

APPROVE, REJECT = "floe_approve", "floe_reject"


def approval_request(change: Change, rendering: RenderingContext, approvers: str) -> Payload:
    """
    Render the message with the buttons, which disappear once the change no longer waits.

    `approvers` mentions the people who may approve.
    """
    key, step = f"{change.id}:ask", escape(describe_step(change))
    if change.state is not ChangeState.AWAITING_APPROVAL or change.held_back:
        text = f"{step}: {_outcome(change, rendering)}"
        may_stop = change.held_back or change.state is ChangeState.SCHEDULED
        stop = (actions(f"decide:{change.id}", _reject(change)),) if may_stop else ()
        return Payload(text, (section(key, text), *stop))
    results = f"{gate_summary(change.gate_results)}. " if change.gate_results else ""
    requester = mention(change.requester.name, change.requester.id)
    text = (
        f"{approvers}: please review *{step}*. {results}"
        f"Someone other than {requester} must approve it."
    )
    expires = f" · expires {format_time(change.expires_at)}" if change.expires_at else ""
    given = f"{len(change.approvals)} of {change.required} approvals"
    so_far = f" · {approvals}" if (approvals := approvals_text(change)) else ""
    blocks: tuple[Block, ...] = (
        section(key, text),
        *_rules(change),
        *warning_blocks(change, "warnings"),
        *_impact(change),
        *_delta(change),
        actions(f"decide:{change.id}", _approve(change), _reject(change)),
        context("ctx", f"{given}{so_far}{_scheduled(change)}{expires}"),
    )
    return Payload(f"Approval needed: {step}. {approvers}", blocks)


def _scheduled(change: Change) -> str:
    at = change.scheduled_at
    return f" · scheduled for {format_time(at)}" if at else ""


def _impact(change: Change) -> tuple[Block, ...]:
    """The impact that approvers agree to, if the change moves to an older version."""
    if change.impact is None:
        return ()
    return (section("impact", join_lines(["*Impact*", *impact_lines(change.impact)], 2800)),)


def _rules(change: Change) -> tuple[Block, ...]:
    lines = rule_lines(change)
    return (section("rules", join_lines(lines, 2800)),) if lines else ()


def escalation_notice(change: Change, approvers: str) -> Payload:
    """Ask the groups of the escalation, which `approvers` mentions."""
    step = escape(describe_step(change))
    text = f"{approvers}: {step} still waits for approval, and now you can approve it too."
    return Payload(text, (section(f"{change.id}:escalated", text),))


def _delta(change: Change) -> tuple[Block, ...]:
    """The differences from the running version, as far as they are known."""
    found = change.delta
    if found is None:
        return ()
    lines = [f"• {link(found.compare_url, 'commits')}"] if found.compare_url else []
    lines += [f"• {escape(line, 500)}" for line in describe(found)]
    title = f"*Changes from {escape(found.running.version, 80)}*"
    return (section("changes", join_lines([title, *lines], 2800)),)


def approval_notice(key: str, change: Change, place: int) -> Payload:
    """Announce the approval at index `place`."""
    given = change.approvals[place]
    person = mention_approver(given)
    count = f"{place + 1} of {change.required}"
    text = f"{person} approved this through {escape(given.interface, 20)} ({count})."
    return Payload(text, (section(key, text),))


def reminder(change: Change, approvers: str) -> Payload:
    expires = f" It expires {format_time(change.expires_at)}." if change.expires_at else ""
    text = f"{approvers}: {escape(describe_step(change))} is still waiting for approval.{expires}"
    return Payload(text, (section(f"{change.id}:reminder", text),))


def end_notice(change: Change, rendering: RenderingContext) -> Payload:
    """Announce how the change ended."""
    step = escape(describe_step(change))
    if change.state is ChangeState.PROMOTED:
        done = done_word(change)
        approvals = approvals_text(change)
        result = f"{done}: *{step}*" + (f", {approvals}." if approvals else ".")
    else:
        result = f"*{step}*: {change.state.value}\n{end_text(change, rendering)}"
    text = f"{step}: {_outcome(change, rendering)}"
    warned = warning_blocks(change, "warnings") if change.state is ChangeState.PROMOTED else ()
    facts = (*anchor_context(change.anchor), trace_context(change.trace_id))
    blocks = (section(f"{change.id}:end", result), *warned, *facts)
    return Payload(text, blocks)


def checkpoint_notice(key: str, details: Mapping[str, JsonValue]) -> Payload:
    """Announce the checkpoint that signed the entry, so that the thread remembers its root."""
    text = f"Signed in a checkpoint: {escape(checkpoint_text(details))}"
    return Payload(text, (context(key, text),))


def _outcome(change: Change, rendering: RenderingContext) -> str:
    match change.state:
        case ChangeState.EXECUTING:
            return f"{approvals_text(change) or 'approved'}, in progress"
        case ChangeState.AWAITING_APPROVAL:
            return f"{approvals_text(change)}, {held_text(change)}"
        case ChangeState.SCHEDULED:
            return f"{approvals_text(change) or 'approved'}{_scheduled(change)}"
        case ChangeState.PROMOTED:
            return approvals_text(change) or "done"
        case ChangeState.REJECTED:
            return f"rejected by {rendering.mention_decider(change)}"
        case state:
            return state.value


def _approve(change: Change) -> Block:
    verb = {"rollback": "Roll back", "waive": "Waive"}.get(change.action, "Promote")
    text = f"*{escape(describe_step(change), 120)}* starts as soon as enough people have approved."
    return button(
        "Approve",
        APPROVE,
        change.id,
        style="primary",
        spoken=f"Approve {describe_step(change)}",
        confirm=confirmation(f"{verb} in {change.target}?", text, "Approve"),
    )


def _reject(change: Change) -> Block:
    return button(
        "Reject…", REJECT, change.id, style="danger", spoken=f"Reject {describe_step(change)}"
    )
