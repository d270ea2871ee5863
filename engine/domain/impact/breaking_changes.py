"""What breaks for readers of the current artifact, in words: a line and what to do about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.domain.impact.fields import Difference, Sort, differences
from engine.domain.impact.json_values import JSON
from engine.domain.impact.models import Models
from engine.domain.impact.text import MAX_NAMES, shown
from engine.domain.impact.versions import Lowered, lowered

_MODEL_LISTS = frozenset({"models", "transforms.models"})


class Breaking(Protocol):
    """`line` is the finding, `advice` what to do; both are only worded when they are shown."""

    @property
    def line(self) -> str: ...
    @property
    def advice(self) -> str: ...


def breaking(
    current: Mapping[str, JSON], target: Mapping[str, JSON], ours: Models, theirs: Models
) -> Iterator[Breaking]:
    """
    Whole layers, then models and versions, then fields in document order.

    `current` and `target` are documents by layer name, `ours` and `theirs` the models in them.
    """
    yield from (_RemovedContent(name) for name in current if name not in target)
    removed = ours.removed(theirs)
    yield from (_RemovedModel(name, ours) for name in removed)
    yield from map(_LoweredVersion, lowered(current.values(), target.values()))
    several = len(current.keys() | target.keys()) > 1
    said = frozenset(removed)
    for name, document in current.items():
        for difference in differences(document, target[name]) if name in target else ():
            if not _is_model_of(said, difference):
                yield _Field(difference, name, several)


def _is_model_of(names: frozenset[str], difference: Difference) -> bool:
    """Whether it is one of the models `names`, whose line says more."""
    path = difference.path
    if path is None or path.step.sort is not Sort.NAME or path.step.text not in names:
        return False
    return difference.types is None and str(path.above) in _MODEL_LISTS


@dataclass(frozen=True, slots=True)
class _RemovedContent:
    layer: str

    @property
    def line(self) -> str:
        return f"Removed content: {shown(self.layer)}"

    @property
    def advice(self) -> str:
        return f"Check consumers of {shown(self.layer)} before rolling back: it is removed"


@dataclass(frozen=True, slots=True)
class _RemovedModel:
    name: str
    models: Models

    @property
    def line(self) -> str:
        # Two more than are listed: one may be the model itself, the other says there are more.
        found = self.models.downstream([self.name], limit=MAX_NAMES + 2)
        others = [name for name in found if name != self.name]
        needed_by = sorted(map(shown, others[:MAX_NAMES]))
        if len(others) > MAX_NAMES:
            needed_by.append("…and more")
        suffix = f" (needed by: {', '.join(needed_by)})" if needed_by else ""
        return f"Removed model: {shown(self.name)}{suffix}"

    @property
    def advice(self) -> str:
        return f"Check consumers of {shown(self.name)} before rolling back: the model is removed"


@dataclass(frozen=True, slots=True)
class _LoweredVersion:
    lowered: Lowered

    @property
    def line(self) -> str:
        found = self.lowered
        versions = f"{shown(found.old)} -> {shown(found.new)}"
        return f"Lowered {found.what} version: {shown(found.name)} ({versions})"

    @property
    def advice(self) -> str:
        found = self.lowered
        return (
            f"Check that users of the {found.what} {shown(found.name)} "
            f"work with {shown(found.new)} before rolling back"
        )


@dataclass(frozen=True, slots=True)
class _Field:
    difference: Difference
    layer: str
    several: bool

    @property
    def line(self) -> str:
        if self.difference.types is None:
            return f"Removed field: {self._where}"
        return f"Changed type: {self._where} ({self.difference.types})"

    @property
    def advice(self) -> str:
        change = "it is removed" if self.difference.types is None else "its type changes"
        return f"Check consumers of {self._where} before rolling back: {change}"

    @property
    def _where(self) -> str:
        path = self.difference.path
        if path is None:
            return shown(self.layer)
        return f"{shown(self.layer)}: {path}" if self.several else str(path)
