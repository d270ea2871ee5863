"""Violations of Slack's Block Kit limits are found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.block_kit_limits import message_problems, view_problems

TEXT = {"type": "mrkdwn", "text": "x"}
PLAIN = {"type": "plain_text", "text": "x"}


def mrkdwn(size):
    return {"type": "mrkdwn", "text": "x" * size}


def plain(size):
    return {"type": "plain_text", "text": "x" * size}


def button(**more):
    return {"type": "button", "action_id": "a", "text": PLAIN, **more}


def options(count, size=1):
    return [{"text": plain(size), "value": str(n)} for n in range(count)]


SECTION = {"type": "section", "text": TEXT}
CELL = {"type": "raw_text", "text": "x"}
TABLE = {"type": "table", "rows": [[CELL]]}
TASK = {"task_id": "1", "title": "tests", "status": "complete"}
BAD = [
    [TABLE, TABLE],
    [{**TABLE, "rows": [[CELL]] * 101}],
    [{**TABLE, "rows": [[CELL] * 21]}],
    [{**TABLE, "rows": [[{**CELL, "text": ""}]]}],
    [{**TABLE, "rows": [[{**CELL, "text": "x" * 10_001}]]}],
    [{"type": "plan", "tasks": [TASK]}],
    [{"type": "plan", "title": "Gates", "tasks": [{**TASK, "status": "done"}]}],
    "blocks",
    [SECTION] * 51,
    [{**SECTION, "block_id": "a"}] * 2,
    [{**SECTION, "block_id": "a" * 256}],
    [{"type": "unknown"}],
    [{"type": "input", "label": PLAIN, "element": {"type": "plain_text_input"}}],
    [{**SECTION, "surprise": 1}],
    [{"type": "section"}],
    [{"type": "section", "text": "x"}],
    [{"type": "section", "text": mrkdwn(3001)}],
    [{"type": "section", "text": mrkdwn(0)}],
    [{"type": "section", "text": {**TEXT, "emoji": True}}],
    [{"type": "section", "fields": [mrkdwn(2001)]}],
    [{"type": "section", "fields": [TEXT] * 11}],
    [{"type": "header", "text": TEXT}],
    [{"type": "header", "text": plain(151)}],
    [{"type": "context", "elements": [TEXT] * 11}],
    [{"type": "context", "elements": [mrkdwn(3001)]}],
    [{"type": "context", "elements": [{"type": "image", "image_url": "https://x"}]}],
    [{"type": "actions", "elements": []}],
    [{"type": "actions", "elements": [button(action_id=str(n)) for n in range(26)]}],
    [{"type": "actions", "elements": [button(), button()]}],
    [{"type": "actions", "elements": [button(text=plain(76))]}],
    [{"type": "actions", "elements": [button(text=TEXT)]}],
    [{"type": "actions", "elements": [button(value="x" * 2001)]}],
    [{"type": "actions", "elements": [button(url="x" * 3001)]}],
    [{"type": "actions", "elements": [button(style="loud")]}],
    [{"type": "actions", "elements": [button(confirm={"title": plain(101)})]}],
    [{"type": "actions", "elements": [button(accessibility_label="x" * 76)]}],
    [{"type": "actions", "elements": [{"type": "static_select", "options": options(101)}]}],
    [{"type": "actions", "elements": [{"type": "checkboxes", "options": options(11)}]}],
    [{"type": "actions", "elements": [{"type": "overflow", "options": options(1, 76)}]}],
    [{"type": "image", "image_url": "https://x"}],
]


@pytest.mark.parametrize("blocks", BAD, ids=range(len(BAD)))
def test_message_beyond_the_limits_is_refused(blocks):
    assert message_problems({"text": "x", "blocks": blocks})


@pytest.mark.parametrize(
    "view",
    [
        {"type": "popup"},
        {"type": "modal", "blocks": [SECTION]},
        {"type": "modal", "title": plain(25), "blocks": [SECTION]},
        {"type": "modal", "title": PLAIN, "blocks": [SECTION], "private_metadata": "x" * 3001},
        {"type": "modal", "title": PLAIN, "submit": plain(25), "blocks": [SECTION]},
        {"type": "modal", "title": PLAIN, "blocks": [SECTION] * 101},
        {"type": "modal", "title": PLAIN, "blocks": [{"type": "input", "label": PLAIN}]},
    ],
)
def test_view_beyond_the_limits_is_refused(view):
    assert view_problems(view)


@pytest.mark.parametrize("text", [None, "", "x" * 4001])
def test_message_text_of_invalid_length_is_refused(text):
    assert message_problems({"text": text})


def test_message_within_the_limits_is_accepted():
    element = {"type": "static_select", "options": options(100), "initial_option": options(1)[0]}
    blocks = [SECTION, {"type": "divider"}, {"type": "actions", "elements": [button(), element]}]

    assert message_problems({"text": "x", "blocks": blocks}) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_checked_without_an_error(block):
    assert isinstance(message_problems({"text": "x", "blocks": [block]}), list)
