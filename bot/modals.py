"""Renders modals, and reads their metadata and inputs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from bot.blocks.elements import TITLE, Block, View, code, escape, join_lines, plain_text, section
from bot.blocks.impact import impact_lines
from bot.blocks.rendering_context import RenderingContext, describe_step
from engine.domain.change import Change
from engine.domain.impact.analysis import ImpactAnalysis

PROMOTE_FORM, ROLLBACK_FORM = "floe_promote", "floe_rollback_form"
LOCK_FORM, UNLOCK_FORM, REJECT_FORM = "floe_lock", "floe_unlock_form", "floe_reject_form"
_MAX_REASON = 500
# Slack's limits: the number of options and the characters of each.
_OPTIONS, _OPTION = 100, 75


@dataclass(frozen=True)
class RollbackPreview:
    """The effect of a rollback, shown before it is requested."""

    version: str
    target: str
    running: str | None
    analysis: ImpactAnalysis | None
    approvals: int


def promote_form(
    rendering: RenderingContext, metadata: Mapping[str, JsonValue], version: str, target: str
) -> View:
    note = "It must already be in the previous environment."
    blocks = [
        _input("version", "Version", _text(version, "v1.2.3", 128, multiline=False), note),
        _input("target", "To", _choice(rendering.path.names, target or rendering.last_environment)),
    ]
    return _modal(PROMOTE_FORM, "Promote a version", "Promote", blocks, metadata)


def rollback_form(preview: RollbackPreview, metadata: Mapping[str, JsonValue], reason: str) -> View:
    blocks = [
        section("step", _rollback_step(preview)),
        section("impact", join_lines(_impact_lines(preview), 2800)),
        _input(
            "reason",
            "Why are you rolling back?",
            _text(reason, "5xx since the release", _MAX_REASON),
            "The reason is announced and recorded.",
        ),
    ]
    title = f"Roll back {preview.target}"
    return _modal(ROLLBACK_FORM, title, "Roll back", blocks, metadata)


def lock_form(
    rendering: RenderingContext, metadata: Mapping[str, JsonValue], target: str, duration: str
) -> View:
    blocks = [
        _input(
            "target",
            "Environment",
            _choice(rendering.path.names, target or rendering.last_environment),
        ),
        _input("reason", "Why?", _text("", "INC-42: database failover", _MAX_REASON)),
        _input(
            "duration",
            "For how long?",
            _text(duration, "30m", 20, multiline=False),
            "30m, 2h or 1d. Empty: until it is unlocked.",
            optional=True,
        ),
    ]
    return _modal(LOCK_FORM, "Lock an environment", "Lock", blocks, metadata)


def unlock_form(target: str, metadata: Mapping[str, JsonValue]) -> View:
    blocks = [
        section("what", f"Unlocking *{escape(target, 60)}* allows promotions again."),
        _input("reason", "Why?", _text("", "The failover is done", _MAX_REASON)),
    ]
    return _modal(UNLOCK_FORM, f"Unlock {target}", "Unlock", blocks, metadata)


def reject_form(change: Change, metadata: Mapping[str, JsonValue]) -> View:
    blocks = [
        section("what", f"*{escape(describe_step(change))}* will not be carried out."),
        _input(
            "reason",
            "Why do you reject it?",
            _text("", "The migration is not reviewed", _MAX_REASON),
            "The reason is announced and recorded.",
        ),
    ]
    return _modal(REJECT_FORM, "Reject", "Reject", blocks, metadata)


def message_modal(title: str, text: str) -> View:
    """A modal that only shows `text`, which is already escaped."""
    return {
        "type": "modal",
        "callback_id": "floe_said",
        "title": plain_text(title, TITLE),
        "close": plain_text("Close", TITLE),
        "blocks": [section("said", text)],
    }


def read_metadata(view: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a modal; empty for a modal of another app."""
    try:
        found = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def read_input(view: Mapping[str, Any], name: str) -> str:
    """The value of the input `name`, or an empty string."""
    values = view.get("state", {}).get("values", {}).get(name, {}).get("v", {})
    chosen = values.get("selected_option") or {}
    return str(values.get("value") or chosen.get("value") or "").strip()


def _modal(
    callback_id: str,
    title: str,
    submit: str,
    blocks: Sequence[Block],
    metadata: Mapping[str, JsonValue],
) -> View:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": json.dumps(metadata),
        "title": plain_text(title, TITLE),
        "submit": plain_text(submit, TITLE),
        "close": plain_text("Cancel", TITLE),
        "blocks": list(blocks),
    }


def _input(
    block_id: str, label: str, element: Block, hint: str = "", *, optional: bool = False
) -> Block:
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain_text(label),
        "element": element,
        "optional": optional,
    }
    return block | ({"hint": plain_text(hint)} if hint else {})


def _text(value: str, example: str, max_length: int, *, multiline: bool = True) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": "v",
        "multiline": multiline,
        "max_length": max_length,
        "placeholder": plain_text(example),
    }
    return element | ({"initial_value": value[:max_length]} if value else {})


def _choice(names: Sequence[str], chosen: str) -> Block:
    options: list[JsonValue] = [
        {"text": plain_text(name, _OPTION), "value": name} for name in names[:_OPTIONS]
    ]
    element: Block = {"type": "static_select", "action_id": "v", "options": options}
    if chosen in names[:_OPTIONS]:
        element["initial_option"] = {"text": plain_text(chosen, _OPTION), "value": chosen}
    return element


def _rollback_step(preview: RollbackPreview) -> str:
    running = code(preview.running) if preview.running else "nothing"
    return f"*{escape(preview.target, 60)}*: {running} → {code(preview.version)}"


def _impact_lines(preview: RollbackPreview) -> list[str]:
    lines = ["*Impact*", *impact_lines(preview.analysis)]
    if preview.analysis is None:
        return lines
    if preview.approvals:
        lines.append(f"• Needs {preview.approvals} approval(s)")
    lines.append("• Gates do not run; database migrations are not undone.")
    return lines
