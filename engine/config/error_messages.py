"""Error messages about a file, for the person who wrote it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from engine.config.environment_variables import UnsetSecret
from engine.config.known_keys import Model, fields_at, home_of, nested_key
from engine.config.yaml_loader import Document, Key
from engine.domain.errors import ConfigError
from engine.domain.text import closest_match, printable

_ABSENT = object()

_WORDS = {
    "bool_type": "must be true or false",
    "string_type": "must be text: put it in quotes",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "invalid_key": "has a key that is not text: put it in quotes",
    "string_pattern_mismatch": "must match {pattern}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """
    An error at `path` of the configuration.

    `file` and `line` are where it is written. `written` is its path there if that is another one:
    defaults of a server file apply to `artifacts`, and are written in `defaults`.
    """

    path: tuple[Key, ...]
    message: str
    file: Path | None = None
    line: int | None = None
    written: tuple[Key, ...] | None = None

    @property
    def place(self) -> str:
        """The path as text: `artifacts.promotion.environments[2].name`."""
        return dotted(self.path)

    @property
    def details(self) -> dict[str, JsonValue]:
        """The error for programs."""
        place = {"file": str(self.file), "line": self.line} if self.file else {}
        return {"path": dotted(self.written or self.path), "message": self.message, **place}

    def __str__(self) -> str:
        """`manifest.yaml:7: web.base_url: is missing`."""
        place = f"{self.file}:{self.line}: " if self.file else ""
        return f"{place}{dotted(self.written or self.path)}: {self.message}"


def dotted(path: tuple[Key, ...]) -> str:
    """Write a path as in messages."""
    parts = (f"[{key}]" if isinstance(key, int) else f".{printable(key)}" for key in path)
    return "".join(parts).lstrip(".")


def parse_place(place: str) -> tuple[Key, ...]:
    """Parse a `place` without dots in its keys, like `artifacts.promotion.policies[2].rule`."""
    keys = re.findall(r"[^.\[\]]+", place)
    return tuple(int(key) if key.isdecimal() else key for key in keys)


def in_document(document: Document, problems: Iterable[Problem]) -> list[Problem]:
    """Give problems their file and lines, in the order of the file and without duplicates."""
    rank = _ranks(document.tree)
    found = sorted(dict.fromkeys(problems), key=lambda problem: _rank(rank, problem.path))
    return [replace(each, file=document.path, line=document.line(each.path)) for each in found]


def config_error(file: Path, problems: Sequence[Problem]) -> ConfigError:
    """Build one error with all `problems`."""
    details: dict[str, JsonValue] = {"problems": [each.details for each in problems]}
    if len(problems) == 1:
        only = problems[0]
        return ConfigError(str(only) if only.file else f"{file}: {only}", details)
    lines = "".join(f"\n  {problem}" for problem in problems)
    return ConfigError(f"{file}: {len(problems)} problems{lines}", details)


def translate_errors(error: ValidationError, tree: object, root: Model) -> Iterator[Problem]:
    """
    Translate pydantic's errors about a file of the model `root`.

    No message repeats a value, which may be a secret.
    """
    for found in error.errors(include_url=False, include_input=False):
        # The error of the `None` half of `X | None`; that of X follows.
        if found["type"] != "none_required":
            path, value = _place(tree, found)
            yield Problem(path, _message(root, found, value))


def find_unset_secrets(value: object, path: tuple[Key, ...] = ()) -> Iterator[Problem]:
    """Find secrets below `value`, at `path`, whose environment variables are not set."""
    if isinstance(value, UnsetSecret):
        yield Problem(path, value.problem)
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from find_unset_secrets(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from find_unset_secrets(inner, (*path, key))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from find_unset_secrets(inner, (*path, index))


def suggest(word: str, known: Iterable[str]) -> str:
    """Suggest the most similar word, `did you mean …?`, or list all known ones."""
    options = list(known)
    close = closest_match(word, options)
    return f"did you mean {close}?" if close else f"known: {', '.join(options)}"


def _message(root: Model, found: ErrorDetails, value: object) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if value is None:
        return "has no value"
    if kind == "extra_forbidden":
        return f"unknown; {_suggest_key(root, found['loc'], value)}"
    if kind == "missing":
        purpose = fields_at(root, found["loc"][:-1])[str(found["loc"][-1])]
        return f"is missing: {purpose}" if purpose else "is missing"
    if kind == "union_tag_invalid":
        expected = context["expected_tags"].replace("(", "").replace(")", "")
        return f"must be one of {expected}"
    if kind in _WORDS:
        return _WORDS[kind].format(**context).replace("True", "true")
    return found["msg"].replace("Input should be", "must be")


def _suggest_key(root: Model, location: tuple[Key, ...], value: object) -> str:
    """Suggest a key: nested here, spelled alike here, or in another section of the file."""
    section, word = location[:-1], str(location[-1])
    known = fields_at(root, section)
    nested = nested_key(root, section, word, value)
    if nested:
        return f"did you mean {nested}?"
    home = None if closest_match(word, known) else home_of(root, section, word)
    return f"it belongs in {home}" if home else suggest(word, known)


def _place(tree: object, found: ErrorDetails) -> tuple[tuple[Key, ...], object]:
    """The path in the file, without the names of pydantic's types, and the value there."""
    path: list[Key] = []
    at: Any = tree
    for key in found["loc"]:
        if isinstance(at, dict):
            here = key in at
        else:
            here = isinstance(at, list) and isinstance(key, int) and key < len(at)
        if here:
            path.append(key)
            at = at[key]
    if found["type"] == "missing":
        path.append(found["loc"][-1])
    return tuple(path), at


def _ranks(tree: object) -> dict[tuple[Key, ...], int]:
    """All paths of the tree, numbered in the order of the file."""
    ranks: dict[tuple[Key, ...], int] = {}

    def visit(value: object, path: tuple[Key, ...]) -> None:
        ranks[path] = len(ranks)
        if isinstance(value, dict):
            for key, inner in value.items():
                visit(inner, (*path, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                visit(inner, (*path, index))

    visit(tree, ())
    return ranks


def _rank(ranks: dict[tuple[Key, ...], int], path: tuple[Key, ...]) -> int:
    while path not in ranks:
        path = path[:-1]
    return ranks[path]


@dataclass(frozen=True, slots=True)
class Node:
    """
    A value of the file with its path; a missing value, or one of another type, is empty.

    Rules that compare values use it, so that their problems are reported beside other errors.
    """

    value: object
    path: tuple[Key, ...] = ()

    def __getitem__(self, dotted: str) -> "Node":
        node = self
        for key in dotted.split("."):
            inner = node.value.get(key, _ABSENT) if isinstance(node.value, dict) else _ABSENT
            node = Node(inner, (*node.path, key))
        return node

    def __bool__(self) -> bool:
        """Whether the file has the value."""
        return self.value is not _ABSENT

    @property
    def items(self) -> "tuple[Node, ...]":
        """The entries of a list."""
        if not isinstance(self.value, list):
            return ()
        return tuple(Node(item, (*self.path, index)) for index, item in enumerate(self.value))

    @property
    def entries(self) -> "Iterator[tuple[str, Node]]":
        """The entries of a mapping."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield str(key), Node(value, (*self.path, key))

    @property
    def text(self) -> str | None:
        return self.value if isinstance(self.value, str) else None

    @property
    def names(self) -> frozenset[str]:
        """The text entries of a list."""
        return frozenset(item.text for item in self.items if item.text is not None)

    @property
    def number(self) -> int:
        return self.value if isinstance(self.value, int) and self.value is not True else 0

    @property
    def empty(self) -> bool:
        """Whether it is an empty list."""
        return self.value == []

    def problem(self, message: str) -> Problem:
        return Problem(self.path, message)
