"""What is said in the thread of a change: the ask, the decision, the reminder, the end."""

from bot.blocks.change import approved_by, ended, passed_of, warning_blocks
from bot.blocks.elements import (
    Block,
    Payload,
    actions,
    bounded,
    button,
    confirmation,
    context,
    foreign,
    section,
    traced,
    when,
    who,
)
from bot.blocks.impact import impact_lines
from bot.blocks.rendering_context import Look, step
from engine.domain.change import Change, ChangeState

APPROVE, REJECT = "floe_approve", "floe_reject"


def ask(change: Change, look: Look, approvers: str) -> Payload:
    """
    The only message with buttons; `approvers` mentions whom it is put to. Once the change does
    not wait any more the buttons are gone.
    """
    key = f"{change.id}:ask"
    if change.state is not ChangeState.AWAITING_APPROVAL:
        said = f"{foreign(step(change))}: {_outcome(change, look)}"
        return Payload(said, (section(key, said),))
    results = f"{passed_of(change.gate_results)}. " if change.gate_results else ""
    requester = who(change.requester.name, change.requester.id)
    said = (
        f"{approvers}: please review *{foreign(step(change))}*. {results}"
        f"Somebody other than {requester} must agree."
    )
    expires = f" · expires {when(change.expires_at)}" if change.expires_at else ""
    given = f"{len(change.approvals)} of {change.required} approvals"
    so_far = f" · {agreed}" if (agreed := approved_by(change)) else ""
    blocks: tuple[Block, ...] = (
        section(key, said),
        *warning_blocks(change, "warnings"),
        *_impact(change),
        actions(f"decide:{change.id}", _approve(change), _reject(change)),
        context("ctx", f"{given}{so_far}{expires}"),
    )
    return Payload(f"Approval needed: {foreign(step(change))}. {approvers}", blocks)


def _impact(change: Change) -> tuple[Block, ...]:
    """What the approvers agree to undo, where the environment goes to an older version."""
    if change.impact is None:
        return ()
    return (section("impact", bounded(["*Impact*", *impact_lines(change.impact)], 2800)),)


def approved(key: str, change: Change, place: int) -> Payload:
    """The `place`-th approval."""
    given = change.approvals[place]
    person = who(given.operator, given.operator_id)
    count = f"{place + 1} of {change.required}"
    said = f"{person} approved this through {foreign(given.face, 20)} ({count})."
    return Payload(said, (section(key, said),))


def reminder(change: Change, approvers: str) -> Payload:
    expires = f" It expires {when(change.expires_at)}." if change.expires_at else ""
    said = f"{approvers}: {foreign(step(change))} still waits for a decision.{expires}"
    return Payload(said, (section(f"{change.id}:reminder", said),))


def end(change: Change, look: Look) -> Payload:
    """How it ended."""
    if change.state is ChangeState.PROMOTED:
        said = _done(change)
    else:
        said = f"*{foreign(step(change))}*: {change.state.value}\n{ended(change, look)}"
    text = f"{foreign(step(change))}: {_outcome(change, look)}"
    warned = warning_blocks(change, "warnings") if change.state is ChangeState.PROMOTED else ()
    return Payload(text, (section(f"{change.id}:end", said), *warned, traced(change.trace_id)))


def _done(change: Change) -> str:
    done = "Rolled back" if change.action == "rollback" else "Promoted"
    agreed = approved_by(change)
    return f"{done}: *{foreign(step(change))}*" + (f", {agreed}." if agreed else ".")


def _outcome(change: Change, look: Look) -> str:
    match change.state:
        case ChangeState.EXECUTING:
            return f"{approved_by(change) or 'agreed'}, being carried out"
        case ChangeState.PROMOTED:
            return approved_by(change) or "done"
        case ChangeState.REJECTED:
            return f"rejected by {look.decider(change)}"
        case state:
            return state.value


def _approve(change: Change) -> Block:
    rollback = change.action == "rollback"
    verb = "Roll back" if rollback else "Promote"
    text = f"*{foreign(step(change), 120)}* happens as soon as enough people agree."
    return button(
        "Approve",
        APPROVE,
        change.id,
        style="primary",
        spoken=f"Approve {step(change)}",
        confirm=confirmation(f"{verb} in {change.target}?", text, "Approve"),
    )


def _reject(change: Change) -> Block:
    return button("Reject…", REJECT, change.id, style="danger", spoken=f"Reject {step(change)}")
