"""Direct messages to the requester and the approvers of a change."""

from bot.blocks.change import end_text, gate_summary
from bot.blocks.elements import (
    Block,
    Payload,
    actions,
    button,
    context,
    escape,
    format_time,
    mention,
    section,
)
from bot.blocks.ending import end_sentence
from bot.blocks.home import OPEN
from bot.blocks.rendering_context import RenderingContext, describe_step
from engine.domain.change import Change, ChangeState


def ask(change: Change, _rendering: RenderingContext, key: str, *, link: str | None) -> Payload:
    """Ask one approver; `link` leads to the approval request."""
    requester = mention(change.requester.name, change.requester.id)
    text = f"Please review {_step(change)}, requested by {requester}."
    facts = f"{gate_summary(change.gate_results)}. " if change.gate_results else ""
    expires = f"It expires {format_time(change.expires_at)}." if change.expires_at else ""
    return _message(key, text, f"{facts}{expires}".strip(), _open("Review", change, link))


def asked(change: Change, rendering: RenderingContext, key: str) -> Payload:
    """Replace `ask` once the change needs no approval of this person."""
    if change.open:
        text = f"{_step(change)} needs no more approvals."
    else:
        text = f"{end_sentence(change, rendering)}."
    return Payload(text, (section(key, text),))


def ended(change: Change, rendering: RenderingContext, key: str, *, link: str | None) -> Payload:
    text = f"{end_sentence(change, rendering)}."
    why = "" if change.state is ChangeState.PROMOTED else end_text(change, rendering)
    return _message(key, text, why, _open("Open the thread", change, link))


def late(
    change: Change, _rendering: RenderingContext, key: str, *, link: str | None, approvers: str
) -> Payload:
    """Tell the requester that approvals are missing; `approvers` names those who can give them."""
    given = f"{len(change.approvals)} of {change.required} approvals"
    expires = f" and expires {format_time(change.expires_at)}" if change.expires_at else ""
    text = f"{_step(change)} still waits for approval: it has {given}{expires}."
    return _message(key, text, f"You can ask {approvers}.", _open("Open the thread", change, link))


def failed(
    change: Change, rendering: RenderingContext, key: str, *, link: str | None, summary: str
) -> Payload:
    """Tell the requester that the deployment of a promoted change failed."""
    place = rendering.place(change.target)
    text = f"{escape(change.version)} failed in {escape(place)}: {escape(summary, 500)}"
    return _message(
        key,
        text,
        f"To roll back: `{rendering.command('rollback', change.target)}`",
        _open("Open the card", change, link),
    )


def _step(change: Change) -> str:
    return escape(describe_step(change))


def _message(key: str, text: str, more: str, opens: Block | None) -> Payload:
    blocks = [section(key, f"*{text}*" if "\n" not in text else text)]
    blocks += [section("more", more)] if more else []
    blocks += [actions("open", opens)] if opens else []
    return Payload(text, (*blocks, context("mute", "Mute a product in the Home tab of this app.")))


def _open(label: str, change: Change, link: str | None) -> Block | None:
    if link is None:
        return None
    return button(label, OPEN, change.id, url=link, spoken=f"{label}: {describe_step(change)}")
