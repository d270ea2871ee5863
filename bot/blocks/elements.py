"""Block Kit elements, each within Slack's limits."""

import re
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from engine.domain.text import printable, whole_duration

Block = dict[str, JsonValue]
View = dict[str, JsonValue]

# https://docs.slack.dev/reference/block-kit
SECTION, FIELD, HEADER, CONTEXT, BUTTON, TITLE = 3000, 2000, 150, 10, 75, 24
# chat.update answers msg_too_long beyond 4,000.
TEXT = 3000
_SLACK_ID = re.compile(r"slack:[A-Z0-9]+/(?P<user>[UW][A-Z0-9]+)", re.ASCII)
_QUOTED_LINES = 12


@dataclass(frozen=True)
class Payload:
    """A message: its `blocks`, and the `text` for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...] = ()

    @property
    def arguments(self) -> dict[str, JsonValue]:
        """Always text and blocks: Slack's documentation does not say if chat.update keeps one."""
        blocks: list[JsonValue] = list(self.blocks) or [section("said", self.text)]
        return {"text": truncate(self.text, TEXT), "blocks": blocks}


def truncate(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def escape(text: str, limit: int = 300) -> str:
    """
    Escape untrusted text into one line of at most `limit` characters.

    The result contains no mention and no link, and is never cut inside an escape sequence.
    """
    shown = printable(truncate(text, limit))
    whole = _escaped(shown)
    if len(whole) <= limit:
        return whole
    kept, room = [], limit - 1
    for char in map(_escaped, shown):
        room -= len(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + "…"


def code(text: str, limit: int = 150) -> str:
    return f"`{escape(text.replace('`', chr(39)), limit)}`"


def quote(text: str, limit: int = 1500) -> str:
    """Render untrusted text as a block quote of at most `limit` characters; lines are kept."""
    lines = [line for line in truncate(text, limit).splitlines() if line.strip()] or [""]
    kept = lines[:_QUOTED_LINES] + (["…"] if len(lines) > _QUOTED_LINES else [])
    return join_lines((f"> {escape(line, 600)}" for line in kept), limit, "> …")


def join_lines(lines: Iterable[str], limit: int, more: str = "…and {count} more") -> str:
    """Join as many whole lines as fit into `limit`; a cut line could have broken markup."""
    kept: list[str] = []
    every = list(lines)
    room = limit - len(more) - 8
    for place, line in enumerate(every):
        room -= len(line) + 1
        if room < 0:
            kept.append(more.format(count=len(every) - place))
            break
        kept.append(line)
    return "\n".join(kept)


def mention(name: str, qualified_id: str = "") -> str:
    """A mention of a person whose Slack id is known, otherwise the recorded name."""
    match = _SLACK_ID.fullmatch(qualified_id)
    return f"<@{match['user']}>" if match else escape(name, 100)


def count_products(products: Sized) -> str:
    return f"{len(products)} product{'' if len(products) == 1 else 's'}"


def format_time(at: datetime) -> str:
    """Format a time that Slack shows in the reader's time zone."""
    utc = at.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {{time}}|{utc:%Y-%m-%d %H:%M} UTC>"


def format_deadline(at: datetime) -> str:
    """Format a time with the time that is left, which Slack keeps up to date."""
    utc = at.astimezone(UTC)
    tokens = "{ago} ({date_short_pretty} {time})"
    return f"<!date^{int(utc.timestamp())}^{tokens}|{utc:%Y-%m-%d %H:%M} UTC>"


def format_duration(seconds: float) -> str:
    """Format seconds as 42 s, 47 min, 2 h 5 min or 3 d 4 h."""
    minutes = int(seconds) // 60
    if minutes < 60:
        return whole_duration(max(0, int(seconds)))
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    hours = minutes // 60
    return f"{hours // 24} d" + (f" {hours % 24} h" if hours % 24 else "")


def link(url: str, label: str) -> str:
    return f"<{url}|{_escaped(label)}>"


def plain_text(text: str, limit: int = HEADER) -> Block:
    return {"type": "plain_text", "text": truncate(text, limit), "emoji": True}


def mrkdwn(text: str, limit: int = SECTION) -> Block:
    return {"type": "mrkdwn", "text": truncate(text, limit)}


def header(block_id: str, text: str) -> Block:
    return {"type": "header", "block_id": block_id, "text": plain_text(printable(text), HEADER)}


def section(block_id: str, text: str, accessory: Block | None = None) -> Block:
    block: Block = {"type": "section", "block_id": block_id, "text": mrkdwn(text)}
    return block | ({"accessory": accessory} if accessory else {})


def fields(block_id: str, *texts: str) -> Block:
    return {
        "type": "section",
        "block_id": block_id,
        "fields": [mrkdwn(text, FIELD) for text in texts[:10]],
    }


def context(block_id: str, text: str) -> Block:
    return {"type": "context", "block_id": block_id, "elements": [mrkdwn(text)]}


def trace_context(trace_id: str) -> Block:
    """The trace id under which records, logs and spans are found."""
    return context("trace", f"Trace ID: `{trace_id}`")


def anchor_context(anchor: str | None) -> tuple[Block, ...]:
    """The place of a committed change in the ledger, by which an auditor finds it again."""
    return (context("anchor", f"Anchor: `{anchor}`"),) if anchor else ()


def actions(block_id: str, *elements: Block) -> Block:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def divider(block_id: str) -> Block:
    return {"type": "divider", "block_id": block_id}


def button(
    label: str,
    action_id: str,
    value: str,
    *,
    style: str | None = None,
    confirm: Block | None = None,
    spoken: str | None = None,
    url: str | None = None,
) -> Block:
    """A button; screen readers read `spoken` instead of the label."""
    block: Block = {
        "type": "button",
        "action_id": action_id,
        "text": plain_text(label, BUTTON),
        "value": value,
    }
    more = {"style": style, "confirm": confirm, "url": url}
    more["accessibility_label"] = truncate(spoken, BUTTON) if spoken else None
    return block | {name: given for name, given in more.items() if given is not None}


def confirmation(title: str, text: str, yes: str) -> Block:
    return {
        "title": plain_text(title, 100),
        "text": mrkdwn(text, 300),
        "confirm": plain_text(yes, 30),
        "deny": plain_text("Back", 30),
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
