"""Fields of the current JSON that the target removes or gives another type."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from engine.domain.impact.json_values import JSON, kind, name_of
from engine.domain.impact.text import shorten

# A longer path is shortened in the middle: foreign JSON may be nested a thousand levels deep.
_MAX_STEPS = 20
_AMBIGUOUS_KEY = re.compile(r"^$|[\s.\[\]\"]")
_AMBIGUOUS_NAME = re.compile(r"[\[\]\"]")


class Sort(StrEnum):
    KEY = "key"
    NAME = "name"  # the element of a list with that `name` or `id`
    EACH = "each"  # the other elements of a list, all of them


@dataclass(frozen=True, slots=True)
class Step:
    sort: Sort
    text: str = ""

    def __str__(self) -> str:
        match self.sort:
            case Sort.KEY:
                return f".{_quote(self.text, _AMBIGUOUS_KEY)}"
            case Sort.NAME:
                return f"[{_quote(self.text, _AMBIGUOUS_NAME)}]"
            case Sort.EACH:
                return "[]"


# Linked, so that a step down costs the same at every depth; comparing and printing would recurse.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Path:
    """A position in a document: `limits.memory`, `models[orders].columns[].type`."""

    step: Step
    above: "Path | None" = None

    def __str__(self) -> str:
        steps: list[Step] = []
        here: Path | None = self
        while here is not None:
            steps.append(here.step)
            here = here.above
        steps.reverse()
        if len(steps) <= _MAX_STEPS:
            return _join_steps(steps)
        half = _MAX_STEPS // 2
        return f"{_join_steps(steps[:half])}…{''.join(map(str, steps[-half:]))}"


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A removed or retyped field. `path` None is the document itself; `types` is the change of type
    (`str -> int`), None for a removed field.
    """

    path: Path | None
    types: str | None


def find_differences(current: JSON, target: JSON) -> Iterator[Difference]:
    """
    Find the fields of `current` that `target` lacks, or has with another type.

    Objects in lists are matched by their `name` or `id`; the elements of other lists are compared
    together, by the union of their types and fields. An int that becomes a float breaks no reader.
    """
    pending: list[tuple[Path | None, list[JSON], list[JSON]]] = [(None, [current], [target])]
    while pending:
        path, old, new = pending.pop()
        if not new:
            yield Difference(path, None)
            continue
        if types := _changed_types(old, new):
            yield Difference(path, types)
        inner = [(Path(step, path), ours, theirs) for step, ours, theirs in _pairs(old, new)]
        pending.extend(reversed(inner))


def _pairs(old: list[JSON], new: list[JSON]) -> Iterator[tuple[Step, list[JSON], list[JSON]]]:
    """Each step down from `old`, with the values in both; no values in `new` means removed."""
    theirs = _group_by_step(new)
    holders = {type(value) for value in new}
    for step, ours in _group_by_step(old).items():
        found = theirs.get(step, [])
        if not found and step.sort is Sort.EACH:
            # All elements of `new` may have names. An empty list does not tell the element type.
            found = [element for value in new if isinstance(value, list) for element in value]
            if not found:
                continue
        if found or (dict if step.sort is Sort.KEY else list) in holders:
            yield step, ours, found


def _group_by_step(values: list[JSON]) -> dict[Step, list[JSON]]:
    found: dict[Step, list[JSON]] = {}
    for value in values:
        for step, child in _steps(value):
            found.setdefault(step, []).append(child)
    return found


def _steps(value: JSON) -> Iterator[tuple[Step, JSON]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield Step(Sort.KEY, key), child
    elif isinstance(value, list):
        for child in value:
            name = name_of(child)
            yield (Step(Sort.EACH) if name is None else Step(Sort.NAME, name)), child


def _changed_types(old: list[JSON], new: list[JSON]) -> str | None:
    before, after = _types(old), _types(new)
    readable = before
    if "int" in before and "float" in after:
        readable = before - {"int"} | {"float"}
    if readable == after:
        return None
    return f"{' | '.join(sorted(before))} -> {' | '.join(sorted(after))}"


def _types(values: list[JSON]) -> set[str]:
    found = {kind(value) for value in values}
    return found - {"int"} if "float" in found else found


def _join_steps(steps: list[Step]) -> str:
    return "".join(map(str, steps)).removeprefix(".")


def _quote(text: str, ambiguous: re.Pattern[str]) -> str:
    short = shorten(text)
    return json.dumps(short, ensure_ascii=False) if ambiguous.search(short) else short
