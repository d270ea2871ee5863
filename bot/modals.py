"""Modals: what they ask, what they carry, and what was filled in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from bot.blocks.elements import (
    TITLE,
    Block,
    View,
    bounded,
    code,
    foreign,
    plain,
    section,
)
from bot.blocks.impact import impact_lines
from bot.blocks.rendering_context import Look, step
from engine.domain.change import Change
from engine.domain.impact.analysis import ImpactAnalysis

PROMOTE_FORM, ROLLBACK_FORM = "floe_promote", "floe_rollback_form"
LOCK_FORM, UNLOCK_FORM, REJECT_FORM = "floe_lock", "floe_unlock_form", "floe_reject_form"
_MOST_REASON = 500
# Slack allows so many options, of so many characters.
_OPTIONS, _OPTION = 100, 75


@dataclass(frozen=True)
class Impact:
    """What a rollback would do, as shown before it is asked for."""

    version: str
    target: str
    running: str | None
    analysis: ImpactAnalysis | None
    approvals: int


def promote_form(look: Look, carried: Mapping[str, JsonValue], version: str, target: str) -> View:
    note = "The version must be in the environment before."
    blocks = [
        _input("version", "Version", _text(version, "v1.2.3", 128, lines=False), note),
        _input("target", "To", _choice(look.path.names, target or look.last)),
    ]
    return _modal(PROMOTE_FORM, "Promote a version", "Promote", blocks, carried)


def rollback_form(impact: Impact, carried: Mapping[str, JsonValue], reason: str) -> View:
    blocks = [
        section("step", _rollback_step(impact)),
        section("impact", bounded(_impact_lines(impact), 2800)),
        _input(
            "reason",
            "Why are you rolling back?",
            _text(reason, "5xx since the release", _MOST_REASON),
            "It is announced and goes on record.",
        ),
    ]
    title = f"Roll back {impact.target}"
    return _modal(ROLLBACK_FORM, title, "Roll back", blocks, carried)


def lock_form(look: Look, carried: Mapping[str, JsonValue], target: str, seconds: str) -> View:
    blocks = [
        _input("target", "Environment", _choice(look.path.names, target or look.last)),
        _input("reason", "Why?", _text("", "INC-42: database failover", _MOST_REASON)),
        _input(
            "duration",
            "For how long?",
            _text(seconds, "30m", 20, lines=False),
            "30m, 2h, 1d; empty: until somebody unlocks.",
            optional=True,
        ),
    ]
    return _modal(LOCK_FORM, "Lock an environment", "Lock", blocks, carried)


def unlock_form(target: str, carried: Mapping[str, JsonValue]) -> View:
    said = f"Promotions to *{foreign(target, 60)}* go on once it is unlocked."
    blocks = [
        section("what", said),
        _input("reason", "Why?", _text("", "The failover is done", _MOST_REASON)),
    ]
    return _modal(UNLOCK_FORM, f"Unlock {target}", "Unlock", blocks, carried)


def reject_form(change: Change, carried: Mapping[str, JsonValue]) -> View:
    blocks = [
        section("what", f"*{foreign(step(change))}* will not happen."),
        _input(
            "reason",
            "Why not?",
            _text("", "The migration is not reviewed", _MOST_REASON),
            "It is announced and goes on record.",
        ),
    ]
    return _modal(REJECT_FORM, "Reject", "Reject", blocks, carried)


def said_modal(title: str, text: str) -> View:
    """The end of a modal that cannot go on; `text` is escaped already."""
    return {
        "type": "modal",
        "callback_id": "floe_said",
        "title": plain(title, TITLE),
        "close": plain("Close", TITLE),
        "blocks": [section("said", text)],
    }


def carried_by(view: Mapping[str, Any]) -> dict[str, str]:
    """What the modal was opened with; nothing for one that is not of ours."""
    try:
        found = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def filled(view: Mapping[str, Any], name: str) -> str:
    """The value of the input `name`, or nothing."""
    values = view.get("state", {}).get("values", {}).get(name, {}).get("v", {})
    chosen = values.get("selected_option") or {}
    return str(values.get("value") or chosen.get("value") or "").strip()


def _modal(
    callback_id: str,
    title: str,
    submit: str,
    blocks: Sequence[Block],
    carried: Mapping[str, JsonValue],
) -> View:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": json.dumps(carried),
        "title": plain(title, TITLE),
        "submit": plain(submit, TITLE),
        "close": plain("Cancel", TITLE),
        "blocks": list(blocks),
    }


def _input(
    block_id: str, label: str, element: Block, hint: str = "", *, optional: bool = False
) -> Block:
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": element,
        "optional": optional,
    }
    return block | ({"hint": plain(hint)} if hint else {})


def _text(value: str, example: str, longest: int, *, lines: bool = True) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": "v",
        "multiline": lines,
        "max_length": longest,
        "placeholder": plain(example),
    }
    return element | ({"initial_value": value[:longest]} if value else {})


def _choice(names: Sequence[str], chosen: str) -> Block:
    options: list[JsonValue] = [
        {"text": plain(name, _OPTION), "value": name} for name in names[:_OPTIONS]
    ]
    element: Block = {"type": "static_select", "action_id": "v", "options": options}
    if chosen in names[:_OPTIONS]:
        element["initial_option"] = {"text": plain(chosen, _OPTION), "value": chosen}
    return element


def _rollback_step(impact: Impact) -> str:
    running = code(impact.running) if impact.running else "nothing"
    return f"*{foreign(impact.target, 60)}*: {running} → {code(impact.version)}"


def _impact_lines(impact: Impact) -> list[str]:
    lines = ["*Impact*", *impact_lines(impact.analysis)]
    if impact.analysis is None:
        return lines
    if impact.approvals:
        lines.append(f"• Needs {impact.approvals} approval(s)")
    lines.append("• Gates do not run; database migrations are not undone.")
    return lines
