"""What is wrong with a file, worded for the person who wrote it."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.config.models import ManifestFile
from engine.domain.errors import ConfigError
from engine.domain.text import printable

Key = str | int
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
    """One thing that is wrong, at `path` in the file."""

    path: tuple[Key, ...]
    message: str

    @property
    def place(self) -> str:
        """The path as people write it: `artifacts.promotion.environments[2].name`."""
        parts = (f"[{key}]" if isinstance(key, int) else f".{printable(key)}" for key in self.path)
        return "".join(parts).lstrip(".")

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def refusal(file: Path, tree: object, problems: Iterable[Problem]) -> ConfigError:
    """All of `problems` as one error, in the order of the file."""
    rank = _ranks(tree)
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: _rank(rank, problem.path))
    details = {"problems": [{"path": each.place, "message": each.message} for each in ordered]}
    if len(ordered) == 1:
        return ConfigError(f"{file}: {ordered[0]}", details)
    lines = "".join(f"\n  {problem}" for problem in ordered)
    return ConfigError(f"{file}: {len(ordered)} problems{lines}", details)


def problems_of(error: ValidationError, tree: object) -> Iterator[Problem]:
    """pydantic's findings in our words; none of them repeats a value, which may be a secret."""
    for found in error.errors(include_url=False, include_input=False):
        # The other half of `X or nothing`: only X is worth a word.
        if found["type"] != "none_required":
            path, value = _place(tree, found)
            yield Problem(path, _message(found, value))


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or what there is to choose from."""
    options = list(known)
    close = difflib.get_close_matches(word, options, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(options)}"


def _message(found: ErrorDetails, value: object) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if value is None:
        return "has no value"
    if kind == "extra_forbidden":
        return f"unknown; {near(str(found['loc'][-1]), _fields(found['loc'][:-1]))}"
    if kind == "missing":
        purpose = _fields(found["loc"][:-1])[str(found["loc"][-1])]
        return f"is missing: {purpose}" if purpose else "is missing"
    if kind == "union_tag_invalid":
        expected = context["expected_tags"].replace("(", "").replace(")", "")
        return f"must be one of {expected}"
    if kind in _WORDS:
        return _WORDS[kind].format(**context).replace("True", "true")
    return found["msg"].replace("Input should be", "must be")


def _place(tree: object, found: ErrorDetails) -> tuple[tuple[Key, ...], object]:
    """Where it is in the file, pydantic's names of its own types left out, and what is there."""
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


def _fields(location: tuple[Key, ...]) -> dict[str, str]:
    """The keys known at `location`, with what they are for."""
    models: set[type[BaseModel]] = {ManifestFile}
    for key in location:
        if isinstance(key, int):
            continue
        below = {model for each in models for model in _models_at(each, key)}
        chosen = {model for model in models if _is_variant(model, key)}
        models = below or chosen or models
    known = (field for model in sorted(models, key=lambda m: m.__name__) for field in _keys(model))
    return dict(known)


def _is_variant(model: type[BaseModel], tag: str) -> bool:
    """Whether `model` is the shape that `values.variant` tagged so."""
    choices = [get_args(field.annotation) for field in model.model_fields.values()]
    fixed = [words[0] for words in choices if len(words) == 1 and isinstance(words[0], str)]
    return f"({fixed[0]})" == tag if fixed else tag == "(other)"


def _keys(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.description or ""


def _models_at(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if (field.alias or name) == key:
            yield from _models_in(field.annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _ranks(tree: object) -> dict[tuple[Key, ...], int]:
    """Every path of the tree with its place in the file."""
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
