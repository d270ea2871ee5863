"""Parses manifest.yaml into plain values: bounded, and by the rules of YAML 1.2."""

import re
from pathlib import Path
from typing import Any

import yaml

from engine.config.files import read_file
from engine.domain.errors import ConfigError
from engine.domain.text import printable

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


def read_tree(path: Path) -> dict[str, object]:
    """Parse the mapping in `path`; ConfigError that names the file for other content."""
    text = _text(path)
    try:
        _check_bounds(path, text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _Inspection(path).check(node)
            tree = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        line = _line(getattr(error, "problem_mark", None) or getattr(error, "context_mark", None))
        raise ConfigError(f"{path}{line}: not valid YAML: {_problem(error)}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: not a mapping: start it with apiVersion: floe.dev/v1")
    return tree


def _text(path: Path) -> str:
    try:
        content = read_file(path, MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; name one with --manifest") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than the limit of {MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from error


def _check_bounds(path: Path, text: str) -> None:
    """Refuse a file that would exhaust the C stack or take too long, before composing it."""
    depth = values = 0
    for event in yaml.parse(text, _Loader):
        values += isinstance(event, yaml.NodeEvent)
        if values > MAX_VALUES:
            raise ConfigError(f"{path}: more than the limit of {MAX_VALUES} values")
        if getattr(event, "tag", None) is not None:
            raise ConfigError(
                f"{path}{_line(event.start_mark)}: YAML tags are not supported: quote the text"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{path}: nested more than {MAX_DEPTH} levels deep")


class _Inspection:
    """Checks a composed document for its size with expanded aliases, and for repeated keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = 0

    def check(self, node: yaml.Node | None, depth: int = 0) -> None:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise ConfigError(f"{self._path}: its aliases expand to too many values: use fewer")
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
                self._refuse(key, "a key must be a word")
            line = key.start_mark.line + 1
            if key.value in seen:
                problem = f"{printable(key.value)} is repeated (first in line {seen[key.value]})"
                self._refuse(key, problem)
            seen[key.value] = line

    def _refuse(self, node: yaml.Node, problem: str) -> None:
        raise ConfigError(f"{self._path}{_line(node.start_mark)}: {problem}")


def _line(mark: Any) -> str:
    return f", line {mark.line + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    # Not str(error): it quotes the line, which may contain a secret.
    parts = (getattr(error, name, None) for name in ("context", "problem", "reason"))
    return printable(", ".join(str(part) for part in parts if part) or "it cannot be parsed")
