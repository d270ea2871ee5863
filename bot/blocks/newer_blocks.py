"""Tables and plans, and the sections that replace them in workspaces without these blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from bot.blocks.elements import SECTION, Block, escape, join_lines, section, truncate
from engine.domain.text import printable

# https://docs.slack.dev/reference/block-kit/blocks/table-block: 100 rows, 10,000 characters.
_ROWS, _CHARACTERS, _CELL = 100, 9000, 500
_MARKS = {"pending": "⏸️", "in_progress": "⏳", "complete": "✅", "error": "❌"}


@dataclass(frozen=True)
class Task:
    """A step of a plan; `status` is pending, in_progress, complete or error."""

    name: str
    status: str
    output: str = ""


def table(block_id: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Block:
    """
    A table of untrusted texts, as cells have no markup. Columns without texts are left out, and
    rows beyond Slack's limits are counted.
    """
    given = list(rows)
    columns = [place for place, _ in enumerate(header) if any(row[place] for row in given)]
    kept, room = [_row(header, columns)], _CHARACTERS
    for place, row in enumerate(given):
        room -= sum(len(_shown(row[column])) + 1 for column in columns)
        if room < 0 or len(kept) == _ROWS - 1:
            more = f"…and {len(given) - place} more"
            kept.append(_row([more, *[""] * (len(header) - 1)], columns))
            break
        kept.append(_row(row, columns))
    settings: list[JsonValue] = [{"is_wrapped": True}] * len(columns)
    return {"type": "table", "block_id": block_id, "rows": kept, "column_settings": settings}


def plan(block_id: str, title: str, tasks: Iterable[Task]) -> Block:
    """The steps of something that runs. It stays expanded when an edit keeps its `block_id`."""
    cards: list[JsonValue] = [_task_card(f"{block_id}:{task.name}", task) for task in tasks]
    return {"type": "plan", "block_id": block_id, "title": printable(title), "tasks": cards}


def without_newer_blocks(blocks: Sequence[Any]) -> list[JsonValue]:
    """Replace tables and plans by sections with the same texts."""
    return [_PLAINER.get(block["type"], dict)(block) for block in blocks]


def _row(texts: Sequence[str], columns: Sequence[int]) -> JsonValue:
    """A cell must not be empty."""
    return [{"type": "raw_text", "text": _shown(texts[place]) or "–"} for place in columns]


def _shown(text: str) -> str:
    return truncate(printable(truncate(text, _CELL)), _CELL)


def _task_card(task_id: str, task: Task) -> Block:
    card: Block = {"task_id": task_id, "title": task.name, "status": task.status}
    if task.output:
        text: JsonValue = {"type": "text", "text": _shown(task.output)}
        line: JsonValue = {"type": "rich_text_section", "elements": [text]}
        card["output"] = {"type": "rich_text", "elements": [line]}
    return card


def _table_lines(block: Any) -> Block:
    lines = []
    for row in block["rows"][1:]:
        first, *others = (escape(cell["text"], _CELL) for cell in row if cell["text"] != "–")
        lines.append(f"*{first}* {' · '.join(others)}".rstrip())
    return section(block["block_id"], join_lines(lines, SECTION))


def _plan_lines(block: Any) -> Block:
    lines = [f"*{escape(block['title'])}*"]
    for task in block["tasks"]:
        output = task.get("output", {}).get("elements", [])
        texts = [text["text"] for line in output for text in line["elements"]]
        said = escape(": ".join([task["title"], *texts]), _CELL)
        lines.append(f"{_MARKS[task['status']]} {said}")
    return section(block["block_id"], join_lines(lines, SECTION))


_PLAINER = {"table": _table_lines, "plan": _plan_lines}
