"""Render settings as YAML, with comments."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

_WIDTH = 1_000_000
Keys = tuple[str | int, ...]


def render_yaml(tree: Mapping[str, Any], comments: Mapping[Keys, str]) -> list[str]:
    """Render `tree` with the comment of each path at the end of its line."""
    text = yaml.safe_dump(
        dict(tree), sort_keys=False, allow_unicode=True, default_flow_style=False, width=_WIDTH
    )
    lines = text.splitlines()
    for path, line in _lines(yaml.compose(text), ()):
        if path in comments:
            lines[line] += f"  # {comments[path]}"
    return lines


def _lines(node: Any, path: Keys) -> Iterator[tuple[Keys, int]]:
    """Yield the paths below `node` with their lines, unless a text goes on in the next line."""
    if isinstance(node, yaml.MappingNode):
        entries = [(key.value, value, key.start_mark.line) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        entries = [(i, each, each.start_mark.line) for i, each in enumerate(node.value)]
    else:
        return
    for key, value, line in entries:
        if not (isinstance(value, yaml.ScalarNode) and value.end_mark.line > line):
            yield (*path, key), line
        yield from _lines(value, (*path, key))
