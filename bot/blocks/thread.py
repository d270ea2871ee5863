"""Messages in the thread of a change: approval request, approvals, reminder, end."""

from collections.abc import Mapping

from pydantic import JsonValue

from bot.blocks.change import (
    approvals_text,
    end_reason,
    end_text,
    held_text,
    lasting_warnings,
    mention_approver,
    warning_blocks,
)
from bot.blocks.elements import (
    Block,
    Payload,
    actions,
    anchor_context,
    button,
    code,
    confirmation,
    context,
    escape,
    format_deadline,
    format_time,
    join_lines,
    link,
    mention,
    section,
    trace_context,
)
from bot.blocks.ending import end_sentence
from bot.blocks.impact import impact_lines
from bot.blocks.newer_blocks import table
from bot.blocks.rendering_context import RenderingContext, describe_step, short_step
from engine.changes.checkpoint_events import checkpoint_text
from engine.domain.change import Change, ChangeState
from engine.domain.impact.delta import describe
from engine.domain.text import printable

APPROVE, REJECT = "floe_approve", "floe_reject"
_PLACES = {"slack": "in Slack", "web": "on the page", "cli": "on the command line"}


def approval_request(change: Change, rendering: RenderingContext, approvers: str) -> Payload:
    """
    Render the message with the buttons, which disappear once the change no longer waits.

    `approvers` mentions the people who may approve. The card has the gates, the open rules and the
    expiry; this message has the changes.
    """
    key, step = f"{change.id}:ask", escape(describe_step(change))
    if change.state is not ChangeState.AWAITING_APPROVAL or change.held_back:
        text = f"{step}: {_outcome(change, rendering)}"
        may_stop = change.held_back or change.state is ChangeState.SCHEDULED
        stop = (actions(f"decide:{change.id}", _reject(change)),) if may_stop else ()
        return Payload(text, (section(key, text), *stop))
    asks = f"{mention(change.requester.name, change.requester.id)} asks you to approve"
    lines = [f"{approvers}: {asks} *{step}*{_scheduled(change)}.", *_replaced(change)]
    blocks: tuple[Block, ...] = (
        section(key, "\n".join(lines)),
        *warning_blocks(change),
        *_impact(change),
        *_delta(change),
        actions(f"decide:{change.id}", _approve(change), _reject(change)),
    )
    return Payload(f"{asks} {escape(short_step(change))}", blocks)


def _scheduled(change: Change) -> str:
    at = change.scheduled_at
    return f", scheduled for {format_time(at)}" if at else ""


def _replaced(change: Change) -> tuple[str, ...]:
    if change.fingerprint is None or change.waiver is not None:
        return ()
    running = change.fingerprint.running_version
    target = escape(change.target)
    return (f"It replaces {code(running)}." if running else f"Nothing runs in {target} yet.",)


def _impact(change: Change) -> tuple[Block, ...]:
    """The impact that approvers agree to, if the change moves to an older version."""
    if change.impact is None:
        return ()
    return (section("impact", join_lines(["*Impact*", *impact_lines(change.impact)], 2800)),)


def escalation_notice(change: Change, approvers: str) -> Payload:
    """Ask the groups of the escalation, which `approvers` mentions."""
    step = escape(short_step(change))
    text = f"{approvers}: {step} still waits for approval, and now you can approve it too."
    return Payload(text, (section(f"{change.id}:escalated", text),))


def _delta(change: Change) -> tuple[Block, ...]:
    """The differences from the running version, as far as they are known."""
    found = change.delta
    if found is None:
        return ()
    commits = f" · {link(found.compare_url, 'commits')}" if found.compare_url else ""
    title = section("changes", f"*Changes from {escape(found.running.version, 80)}*{commits}")
    known = describe(found.model_copy(update={"unknown": ()}))
    rows = [line.partition(": ")[::2] for line in known]
    rows += [("unknown", text) for text in found.unknown]
    return (title, table("delta", ("What", "Difference"), rows)) if rows else (title,)


def approval_notice(key: str, change: Change, place: int) -> Payload:
    """Announce the approval at index `place`."""
    given = change.approvals[place]
    person = mention_approver(given)
    count = f"{place + 1} of {change.required}"
    where = _PLACES.get(given.interface) or f"through {escape(given.interface, 20)}"
    text = f"{person} approved {escape(short_step(change))} {where} ({count})."
    return Payload(text, (section(key, text),))


def reminder(change: Change, approvers: str) -> Payload:
    expires = f" It expires {format_deadline(change.expires_at)}." if change.expires_at else ""
    text = f"{approvers}: {escape(short_step(change))} still waits for your approval.{expires}"
    return Payload(text, (section(f"{change.id}:reminder", text),))


def end_notice(change: Change, rendering: RenderingContext) -> Payload:
    """Announce how the change ended."""
    warnings: list[Block] = []
    if change.state is ChangeState.PROMOTED:
        approvals = approvals_text(change)
        text = f"{end_sentence(change, rendering)}{f', {approvals}' if approvals else ''}."
        requester = mention(change.requester.name, change.requester.id)
        result = f"{text} Requested by {requester}."
        # The announcement of a break-glass and the card have its warnings.
        warnings = [] if change.review_by else lasting_warnings(change)
    else:
        result = f"*{end_sentence(change, rendering)}.*\n{end_text(change, rendering)}"
        text = _ended(change, rendering)
    facts = (*anchor_context(change.anchor), trace_context(change.trace_id))
    return Payload(text, (section(f"{change.id}:end", result), *warnings, *facts))


def _ended(change: Change, rendering: RenderingContext) -> str:
    step = escape(short_step(change))
    why = escape(rendering.use_slash_commands(end_reason(change)) or change.state.value, 500)
    if change.state is ChangeState.REJECTED:
        return f"{rendering.mention_decider(change)} rejected {step}: {why}"
    return f"{step}: {why}"


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
    version, target = printable(change.version[:50]), change.target
    title = {
        "rollback": f"Roll back {target} to {version}?",
        "waive": f"Waive {version} in {target}?",
    }.get(change.action, f"Promote {version} to {target}?")
    return button(
        "Approve",
        APPROVE,
        change.id,
        style="primary",
        spoken=f"Approve {describe_step(change)}",
        confirm=confirmation(title, _consequence(change), "Approve"),
    )


def _consequence(change: Change) -> str:
    """The effect of one more approval."""
    more = change.missing_approvals - 1
    if more:
        return f"{more} more approval{'s are' if more > 1 else ' is'} needed after yours."
    starts = "starts at its scheduled time" if change.scheduled_at else "starts immediately"
    return f"Yours is the last approval needed: this {starts}."


def _reject(change: Change) -> Block:
    return button(
        "Reject…", REJECT, change.id, style="danger", spoken=f"Reject {describe_step(change)}"
    )
