"""Changes that break readers of the current artifact, each with a line and advice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.domain.impact.fields import Difference, Sort, find_differences
from engine.domain.impact.json_values import JSON
from engine.domain.impact.models import Models
from engine.domain.impact.text import MAX_NAMES, shorten
from engine.domain.impact.versions import LoweredVersion, find_lowered_versions

_MODEL_LISTS = frozenset({"models", "transforms.models"})


class BreakingChange(Protocol):
    """A breaking change: `line` names it, `advice` is a hint; both are rendered on demand."""

    @property
    def line(self) -> str: ...
    @property
    def advice(self) -> str: ...


def find_breaking_changes(
    current: Mapping[str, JSON], target: Mapping[str, JSON], ours: Models, theirs: Models
) -> Iterator[BreakingChange]:
    """
    Find breaking changes: whole layers first, then models and versions, then fields in order.

    `current` and `target` are documents by layer name, `ours` and `theirs` the models in them.
    """
    yield from (_RemovedContent(name) for name in current if name not in target)
    removed = ours.removed(theirs)
    yield from (_RemovedModel(name, ours) for name in removed)
    yield from map(_LoweredVersion, find_lowered_versions(current.values(), target.values()))
    several = len(current.keys() | target.keys()) > 1
    reported = frozenset(removed)
    for name, document in current.items():
        for difference in find_differences(document, target[name]) if name in target else ():
            if not _is_model_of(reported, difference):
                yield _Field(difference, name, several)


def _is_model_of(names: frozenset[str], difference: Difference) -> bool:
    """Whether `difference` is one of the models `names`, which are reported already."""
    path = difference.path
    if path is None or path.step.sort is not Sort.NAME or path.step.text not in names:
        return False
    return difference.types is None and str(path.above) in _MODEL_LISTS


@dataclass(frozen=True, slots=True)
class _RemovedContent:
    layer: str

    @property
    def line(self) -> str:
        return f"Removed content: {shorten(self.layer)}"

    @property
    def advice(self) -> str:
        return f"Check consumers of {shorten(self.layer)} before rolling back: it is removed"


@dataclass(frozen=True, slots=True)
class _RemovedModel:
    name: str
    models: Models

    @property
    def line(self) -> str:
        # Two more than the limit: one may be the model itself, the other shows that there are more.
        found = self.models.downstream([self.name], limit=MAX_NAMES + 2)
        others = [name for name in found if name != self.name]
        needed_by = sorted(map(shorten, others[:MAX_NAMES]))
        if len(others) > MAX_NAMES:
            needed_by.append("…and more")
        suffix = f" (needed by: {', '.join(needed_by)})" if needed_by else ""
        return f"Removed model: {shorten(self.name)}{suffix}"

    @property
    def advice(self) -> str:
        return f"Check consumers of {shorten(self.name)} before rolling back: the model is removed"


@dataclass(frozen=True, slots=True)
class _LoweredVersion:
    lowered: LoweredVersion

    @property
    def line(self) -> str:
        found = self.lowered
        versions = f"{shorten(found.old)} -> {shorten(found.new)}"
        return f"Lowered {found.sort} version: {shorten(found.name)} ({versions})"

    @property
    def advice(self) -> str:
        found = self.lowered
        return (
            f"Check that users of the {found.sort} {shorten(found.name)} "
            f"work with {shorten(found.new)} before rolling back"
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
            return shorten(self.layer)
        return f"{shorten(self.layer)}: {path}" if self.several else str(path)
