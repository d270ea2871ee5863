"""Parses manifest.yaml into plain values: bounded, and by the rules of YAML 1.2."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.config.files import read_file
from engine.domain.errors import ConfigError
from engine.domain.text import printable

Key = str | int

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
# Counted with all aliases expanded, so that a small file cannot expand to a huge one.
MAX_VALUES = 50_000

# The C parser, if PyYAML was built with it, is ten times faster.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]  # the base class is only known at run time
    """Parses scalars like YAML 1.2: `off`, `yes`, `4:30` and dates are text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to say it


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?", "-+0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}",
        re.compile(rf"(?:{_pattern})\Z", re.ASCII),
        [char.replace("\0", "") for char in _first],
    )


@dataclass(frozen=True, slots=True)
class Document:
    """The values of the file `path`, and the lines that they start in."""

    path: Path
    tree: dict[str, object]
    node: yaml.Node

    def line(self, path: tuple[Key, ...]) -> int:
        """Return the line, from 1, of the value at `path` or of the nearest section above it."""
        node, mark = self.node, self.node.start_mark
        for key in path:
            found = _inner(node, key)
            if found is None:
                break
            mark, node = found
        return int(mark.line) + 1


def read_document(path: Path) -> Document:
    """Parse the mapping in `path`; ConfigError that names the file for other content."""
    try:
        tree, node = _parse(_text(path))
    except _InvalidFileError as error:
        line = error.mark.line + 1 if error.mark else None
        # Callers print a line per problem, so the name must not add one.
        place = printable(f"{path}:{line}" if line else str(path))
        problem = {"path": "", "message": str(error), "file": str(path), "line": line}
        raise ConfigError(f"{place}: {error}", {"problems": [problem]}) from error
    return Document(path, tree, node)


class _InvalidFileError(Exception):
    """The content of a file cannot be used; `mark` is the place, if it is known."""

    def __init__(self, problem: str, mark: Any = None) -> None:
        super().__init__(problem)
        self.mark = mark


def _parse(text: str) -> tuple[dict[str, object], yaml.Node]:
    try:
        _check_bounds(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _Inspection().check(node)
            tree = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        raise _InvalidFileError(f"not valid YAML: {_problem(error)}", mark) from error
    if not isinstance(tree, dict):
        raise _InvalidFileError("not a mapping: start it with apiVersion: floe.dev/v1")
    return tree, node


def _inner(node: yaml.Node, key: Key) -> tuple[Any, yaml.Node] | None:
    """Find the value of `key` in `node`, and the mark at which the reader looks for it."""
    if isinstance(node, yaml.MappingNode):
        # The last one wins, as merged keys (<<) come first.
        for name, value in reversed(node.value):
            if name.value == str(key):
                return name.start_mark, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark, node.value[key]
    return None


def _text(path: Path) -> str:
    try:
        content = read_file(path, MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _InvalidFileError(
            "no such file; name one with --manifest, or make one with floe init"
        ) from error
    except OSError as error:
        raise _InvalidFileError(f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise _InvalidFileError(f"larger than the limit of {MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _InvalidFileError(f"not UTF-8 text (byte {error.start})") from error


def _check_bounds(text: str) -> None:
    """Refuse a file that would exhaust the C stack or take too long, before composing it."""
    depth = values = 0
    for event in yaml.parse(text, _Loader):
        values += isinstance(event, yaml.NodeEvent)
        if values > MAX_VALUES:
            raise _InvalidFileError(f"more than the limit of {MAX_VALUES} values")
        if getattr(event, "tag", None) is not None:
            raise _InvalidFileError("YAML tags are not supported: quote the text", event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _InvalidFileError(f"nested more than {MAX_DEPTH} levels deep")


class _Inspection:
    """Checks a composed document for its size with expanded aliases, and for repeated keys."""

    def __init__(self) -> None:
        self._values = 0

    def check(self, node: yaml.Node | None, depth: int = 0) -> None:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise _InvalidFileError("its aliases expand to too many values: use fewer")
        if node is None:
            return
        if isinstance(node, yaml.MappingNode):
            self._distinct_keys(node)
            for key, value in node.value:
                self.check(key, depth + 1)
                self.check(value, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.check(item, depth + 1)

    def _distinct_keys(self, node: yaml.MappingNode) -> None:
        # YAML forbids it and PyYAML lets the last one win: a second `authorization` would
        # silently replace the first.
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _InvalidFileError("a key must be a word", key.start_mark)
            line = key.start_mark.line + 1
            if key.value in seen:
                problem = f"{printable(key.value)} is repeated (first in line {seen[key.value]})"
                raise _InvalidFileError(problem, key.start_mark)
            seen[key.value] = line


def _problem(error: yaml.YAMLError) -> str:
    # Not str(error): it quotes the line, which may contain a secret.
    parts = (getattr(error, name, None) for name in ("context", "problem", "reason"))
    return printable(", ".join(str(part) for part in parts if part) or "it cannot be parsed")
