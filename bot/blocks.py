"""Answers as Block Kit: pure functions from what the engine says to what Slack shows."""

from typing import Any

from engine.domain.status import Alignment, EnvironmentStatus

Block = dict[str, Any]
# https://docs.slack.dev/reference/block-kit/blocks: a section holds 3,000 characters.
_SECTION = 3000
_NOTES = {
    Alignment.COMPLETING: " · completing",
    Alignment.DRIFTED: " · drifted: latest was moved outside floe",
    Alignment.UNRECORDED: " · published by the build",
}


def escaped(text: str, limit: int) -> str:
    """Foreign text for mrkdwn: cut first, then `& < >` escaped, so that it pings nobody."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def status_text(rows: tuple[EnvironmentStatus, ...]) -> str:
    """What screen readers and notifications say: the same facts in one line."""
    return " · ".join(f"{row.name}: {row.state.version or 'nothing'}" for row in rows)


def status_blocks(rows: tuple[EnvironmentStatus, ...]) -> list[Block]:
    lines = "\n".join(_status_line(row) for row in rows)
    return [
        {
            "type": "header",
            "block_id": "h",
            "text": {"type": "plain_text", "text": "What runs where"},
        },
        {
            "type": "section",
            "block_id": "environments",
            "text": {"type": "mrkdwn", "text": lines[:_SECTION]},
        },
        {
            "type": "context",
            "block_id": "ctx",
            "elements": [{"type": "mrkdwn", "text": "Only you can see this."}],
        },
    ]


def _status_line(row: EnvironmentStatus) -> str:
    version = row.state.version or ("unrecorded" if row.latest else "nothing yet")
    by = f" by {escaped(row.state.operator, 100)}" if row.state.operator else ""
    lock = f" · locked: {escaped(row.lock.reason, 200)}" if row.lock else ""
    return f"*{row.name}* {escaped(version, 100)}{by}{_NOTES.get(row.alignment, '')}{lock}"
