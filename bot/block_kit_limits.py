"""
Finds violations of Slack's Block Kit limits in messages and views.

The limits are from https://docs.slack.dev/reference/block-kit. The functions accept any JSON and
never raise. The bot logs violations; the test double of Slack refuses them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_SURFACES = {"message": 50, "modal": 100, "home": 100}
_EVERYWHERE = {"section", "header", "divider", "context", "actions", "image", "rich_text", "video"}
_BLOCKS = {
    "message": _EVERYWHERE | {"file", "markdown", "table", "plan", "task_card"},
    "modal": _EVERYWHERE | {"input"},
    "home": _EVERYWHERE | {"input"},
}
_KEYS = {
    "section": {"text", "fields", "accessory", "expand"},
    "header": {"text"},
    "divider": set(),
    "context": {"elements"},
    "actions": {"elements"},
    "image": {"image_url", "slack_file", "alt_text", "title"},
    "table": {"rows", "column_settings"},
    "plan": {"title", "tasks"},
    "input": {"label", "element", "hint", "optional", "dispatch_action"},
}
_BUTTON_KEYS = {
    "type",
    "text",
    "action_id",
    "url",
    "value",
    "style",
    "confirm",
    "accessibility_label",
}
_OPTIONS = {
    "static_select": 100,
    "multi_static_select": 100,
    "overflow": 5,
    "radio_buttons": 10,
    "checkboxes": 10,
}
_OTHER_ELEMENTS = {
    "users_select",
    "multi_users_select",
    "conversations_select",
    "channels_select",
    "external_select",
    "multi_external_select",
    "datepicker",
    "timepicker",
    "datetimepicker",
    "url_text_input",
    "email_text_input",
    "number_input",
    "rich_text_input",
    "workflow_button",
}
_Json = Mapping[str, Any]


def message_problems(arguments: _Json) -> list[str]:
    """Check the arguments of chat.postMessage, chat.update or chat.postEphemeral."""
    return _collect(_message(arguments))


def view_problems(view: _Json) -> list[str]:
    """Check a modal or an App Home."""
    return _collect(_view(view))


def _collect(problems: Iterator[str]) -> list[str]:
    found = []
    try:
        for problem in problems:
            found.append(problem)
    except (AttributeError, KeyError, TypeError) as error:
        # A wrong JSON type, such as a list instead of an object, ends the check.
        found.append(f"not Block Kit: {error}")
    return found


def _message(arguments: _Json) -> Iterator[str]:
    text = arguments.get("text")
    if not text:
        yield "text is missing: notifications and screen readers need it"
    elif len(text) > 4000:
        yield f"text has {len(text)} characters (4000): chat.update answers msg_too_long"
    if "blocks" in arguments:
        yield from _blocks(arguments["blocks"], "message")


def _view(view: _Json) -> Iterator[str]:
    surface = view.get("type")
    if surface not in ("modal", "home"):
        yield f"/type {surface!r}"
        return
    if surface == "modal":
        yield from _text("/title", view.get("title"), 24, plain=True)
        for name in {"submit", "close"} & view.keys():
            yield from _text(f"/{name}", view[name], 24, plain=True)
        asks = any(block.get("type") == "input" for block in view.get("blocks", []))
        if asks and "submit" not in view:
            yield "/submit is required with inputs"
    for name, limit in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        yield from _length(f"/{name}", view.get(name, ""), 0, limit)
    yield from _blocks(view.get("blocks", []), surface)


def _blocks(blocks: Any, surface: str) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield "/blocks is not a list"
        return
    # An edit without blocks leaves the text alone.
    fewest = 0 if surface == "message" else 1
    if not fewest <= len(blocks) <= _SURFACES[surface]:
        yield f"{len(blocks)} blocks ({fewest}..{_SURFACES[surface]})"
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    yield from (f"block_id {i!r} twice" for i in sorted({i for i in ids if ids.count(i) > 1}))
    if sum(block.get("type") == "table" for block in blocks) > 1:
        yield "more than one table"
    for place, block in enumerate(blocks):
        at, kind = f"/blocks/{place}", block.get("type")
        if kind not in _BLOCKS[surface]:
            yield f"{at}: {kind!r} is not a block of a {surface}"
            continue
        yield from _length(f"{at}/block_id", block.get("block_id", ""), 0, 255)
        unknown = sorted(block.keys() - _KEYS.get(kind, block.keys()) - {"type", "block_id"})
        yield from (f"{at}: unknown key {key!r}" for key in unknown)
        yield from _PARTS.get(kind, _nothing)(at, block)


def _nothing(_at: str, _block: _Json) -> Iterator[str]:
    return iter(())


def _section(at: str, block: _Json) -> Iterator[str]:
    if not (block.get("text") or block.get("fields")):
        yield f"{at}: text or fields are required"
    if "text" in block:
        yield from _text(f"{at}/text", block["text"], 3000)
    fields = block.get("fields", [])
    if len(fields) > 10:
        yield f"{at}/fields: {len(fields)} (10)"
    for place, text in enumerate(fields):
        yield from _text(f"{at}/fields/{place}", text, 2000)
    if "accessory" in block:
        yield from _element(f"{at}/accessory", block["accessory"])


def _header(at: str, block: _Json) -> Iterator[str]:
    yield from _text(f"{at}/text", block.get("text"), 150, plain=True)


def _context(at: str, block: _Json) -> Iterator[str]:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 10:
        yield f"{at}/elements: {len(elements)} (1..10)"
    for place, element in enumerate(elements):
        if element.get("type") == "image":
            yield from _image(f"{at}/elements/{place}", element)
        else:
            yield from _text(f"{at}/elements/{place}", element, 3000)


def _actions(at: str, block: _Json) -> Iterator[str]:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 25:
        yield f"{at}/elements: {len(elements)} (1..25)"
    ids = [element["action_id"] for element in elements if element.get("action_id")]
    if len(ids) != len(set(ids)):
        yield f"{at}: an action_id twice"
    for place, element in enumerate(elements):
        yield from _element(f"{at}/elements/{place}", element)


def _image(at: str, image: _Json) -> Iterator[str]:
    yield from _length(f"{at}/alt_text", image.get("alt_text", ""), 1, 2000)
    if not (image.get("image_url") or image.get("slack_file")):
        yield f"{at}: image_url is required"
    yield from _length(f"{at}/image_url", image.get("image_url", ""), 0, 3000)


def _table(at: str, block: _Json) -> Iterator[str]:
    rows = block["rows"]
    if not 1 <= len(rows) <= 100 or not all(1 <= len(row) <= 20 for row in rows):
        yield f"{at}/rows: more than 100, or not 1..20 cells in each"
    cells = [cell for row in rows for cell in row if cell["type"] == "raw_text"]
    if (length := sum(len(cell["text"]) for cell in cells)) > 10_000:
        yield f"{at}/rows: {length} characters (10000)"
    for cell in cells:
        yield from _length(f"{at}/rows", cell["text"], 1, 10_000)


def _plan(at: str, block: _Json) -> Iterator[str]:
    yield from _length(f"{at}/title", block.get("title"), 1, 3000)
    for place, task in enumerate(block.get("tasks", [])):
        for name in ("task_id", "title"):
            yield from _length(f"{at}/tasks/{place}/{name}", task.get(name), 1, 3000)
        if task.get("status") not in ("pending", "in_progress", "complete", "error"):
            yield f"{at}/tasks/{place}/status {task.get('status')!r}"


def _input(at: str, block: _Json) -> Iterator[str]:
    yield from _text(f"{at}/label", block.get("label"), 2000, plain=True)
    if "hint" in block:
        yield from _text(f"{at}/hint", block["hint"], 2000, plain=True)
    yield from _element(f"{at}/element", block.get("element") or {})


_PARTS: dict[str, Callable[[str, _Json], Iterator[str]]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "input": _input,
    "table": _table,
    "plan": _plan,
}


def _element(at: str, element: _Json) -> Iterator[str]:
    kind = element.get("type")
    yield from _length(f"{at}/action_id", element.get("action_id", ""), 0, 255)
    if "placeholder" in element:
        yield from _text(f"{at}/placeholder", element["placeholder"], 150, plain=True)
    if kind == "button":
        yield from _button(at, element)
    elif kind in _OPTIONS:
        yield from _options(at, element, _OPTIONS[kind])
    elif kind == "plain_text_input":
        yield from _text_input(at, element)
    elif kind == "image":
        yield from _image(at, element)
    elif kind not in _OTHER_ELEMENTS:
        yield f"{at}: {kind!r} is not an element"
    if confirm := element.get("confirm"):
        yield from _confirm(f"{at}/confirm", confirm)


def _button(at: str, button: _Json) -> Iterator[str]:
    yield from _text(f"{at}/text", button.get("text"), 75, plain=True)
    for name, limit in (("value", 2000), ("url", 3000), ("accessibility_label", 75)):
        yield from _length(f"{at}/{name}", button.get(name, ""), 0, limit)
    if button.get("style") not in (None, "primary", "danger"):
        yield f"{at}/style {button['style']!r}"
    yield from (f"{at}: unknown key {key!r}" for key in sorted(button.keys() - _BUTTON_KEYS))


def _confirm(at: str, confirm: _Json) -> Iterator[str]:
    for name, limit in (("title", 100), ("confirm", 30), ("deny", 30)):
        yield from _text(f"{at}/{name}", confirm.get(name), limit, plain=True)
    yield from _text(f"{at}/text", confirm.get("text"), 300)


def _options(at: str, element: _Json, most: int) -> Iterator[str]:
    groups = element.get("option_groups", [])
    options = element.get("options") or [o for group in groups for o in group.get("options", [])]
    if not 1 <= len(options) <= most:
        yield f"{at}/options: {len(options)} (1..{most})"
    for place, option in enumerate(options):
        yield from _text(f"{at}/options/{place}/text", option.get("text"), 75)
        yield from _length(f"{at}/options/{place}/value", option.get("value", ""), 1, 150)
        if "description" in option:
            yield from _text(f"{at}/options/{place}/description", option["description"], 75)
    if "initial_option" in element and element["initial_option"] not in options:
        yield f"{at}/initial_option is not one of the options"


def _text_input(at: str, element: _Json) -> Iterator[str]:
    shortest, longest = element.get("min_length", 0), element.get("max_length", 3000)
    if not 0 <= shortest <= 3000 or not 1 <= longest <= 3000:
        yield f"{at}: min_length {shortest}, max_length {longest} (0..3000, 1..3000)"
    yield from _length(f"{at}/initial_value", element.get("initial_value", ""), 0, longest)


def _text(at: str, text: Any, longest: int, *, plain: bool = False) -> Iterator[str]:
    if not isinstance(text, dict):
        yield f"{at}: a text object is required"
        return
    kind = text.get("type")
    if kind not in (("plain_text",) if plain else ("plain_text", "mrkdwn")):
        yield f"{at}: type {kind!r}"
    yield from _length(at, text.get("text", ""), 1, longest)
    if kind == "mrkdwn" and "emoji" in text:
        yield f"{at}: emoji is only allowed in plain_text"


def _length(at: str, text: Any, shortest: int, longest: int) -> Iterator[str]:
    if not isinstance(text, str):
        yield f"{at} is not a string"
    elif not shortest <= len(text) <= longest:
        yield f"{at}: {len(text)} characters ({shortest}..{longest})"
