"""The parts of modals: frame, inputs and selects; reads their metadata and values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pydantic import JsonValue

from bot.blocks.elements import TITLE, Block, View, plain_text
from bot.blocks.rendering_context import RenderingContext

PRODUCT, VERSION = "floe_product", "floe_version"
# Slack's limits: the number of options, and the characters of their texts and values.
MOST_OPTIONS, _LABEL, _VALUE = 100, 75, 150


@dataclass(frozen=True, slots=True)
class Draft:
    """The values of a form that are known when it opens, or when its product changes."""

    version: str = ""
    target: str = ""
    reason: str = ""
    duration: str = ""
    at: str = ""
    incident: str = ""
    vulnerability: str = ""
    package: str = ""
    until: str = ""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(each.name for each in fields(cls))


def modal(
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


def labelled(
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


def text_input(value: str, example: str, max_length: int, *, multiline: bool = True) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": "v",
        "multiline": multiline,
        "max_length": max_length,
        "placeholder": plain_text(example),
    }
    return element | ({"initial_value": value[:max_length]} if value else {})


def environment_input(
    rendering: RenderingContext, chosen: str, label: str = "Environment"
) -> Block:
    """A select of the environments of a product; the last one is chosen if `chosen` is none."""
    names = rendering.path.names
    options: list[JsonValue] = [option(name) for name in names[:MOST_OPTIONS]]
    # Another product has another element, so that Slack forgets an environment of the last one.
    action = f"v:{rendering.product}" if rendering.product else "v"
    element: Block = {"type": "static_select", "action_id": action, "options": options}
    chosen = chosen if chosen in names else rendering.last_environment
    if chosen in names[:MOST_OPTIONS]:
        element["initial_option"] = option(chosen)
    return labelled("target", label, element)


def product_input(rendering: RenderingContext) -> tuple[Block, ...]:
    """A select of the product, where products have names; a choice updates the form."""
    if not rendering.product:
        return ()
    element: Block = {
        "type": "external_select",
        "action_id": PRODUCT,
        "min_query_length": 0,
        "placeholder": plain_text("Search products"),
        "initial_option": option(rendering.product),
    }
    return (labelled("product", "Product", element) | {"dispatch_action": True},)


def version_input(rendering: RenderingContext, chosen: str, note: str) -> Block:
    """A select that searches the published versions of a product."""
    element: Block = {
        "type": "external_select",
        "action_id": f"{VERSION}:{rendering.product}",
        "min_query_length": 0,
        "placeholder": plain_text("Search or type a version"),
    }
    if chosen and len(chosen) <= _VALUE:
        element["initial_option"] = option(chosen)
    return labelled("version", "Version", element, note)


def option(name: str, description: str = "") -> Block:
    block: Block = {"text": plain_text(name, _LABEL), "value": name}
    return block | ({"description": plain_text(description, _LABEL)} if description else {})


def read_metadata(view: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a modal; empty for a modal of another app."""
    try:
        found = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def read_input(view: Mapping[str, Any], name: str) -> str:
    """The value of the input `name`, or an empty string."""
    values = view.get("state", {}).get("values", {}).get(name, {})
    values = next(iter(values.values()), None) or {}
    chosen = values.get("selected_option") or {}
    return str(values.get("value") or chosen.get("value") or "").strip()
