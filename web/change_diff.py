"""The differences between two artifacts: layers, annotations, and breaking changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.api import Engine
from engine.domain.artifact import Digest
from engine.domain.impact.content import named_layers
from engine.domain.impact.delta import Delta, Release
from engine.domain.manifest import Descriptor, Manifest, ManifestView

_KEPT = 64
_MOST = 100
# An annotation may fill a manifest of 4 MB.
_LONGEST = 2000
_RELEASES_SECONDS = 300


@dataclass(frozen=True)
class Line:
    """A line of the difference. `sign` is +, - or ~ (altered); sizes are bytes."""

    sign: str
    name: str
    before: str = ""
    after: str = ""
    size: int | None = None


@dataclass(frozen=True)
class Difference:
    """The difference between the running and the new version; `same` counts shared layers."""

    layers: tuple[Line, ...]
    annotations: tuple[Line, ...]
    same: int
    breaking: tuple[str, ...]
    affected: tuple[str, ...]
    not_compared: tuple[str, ...]


Compare = Callable[[str, str], Difference]
CompareReleases = Callable[[Release, Release], Delta]


def comparing(engine: Engine) -> Compare:
    """Return a comparison of two digests that caches its results."""

    @lru_cache(_KEPT)
    def compare(running: str, coming: str) -> Difference:
        return _difference(engine, engine.fetch(Digest(running)), engine.fetch(Digest(coming)))

    return compare


def comparing_releases(engine: Engine) -> CompareReleases:
    """Return a comparison of two releases that caches its results for some minutes."""

    @lru_cache(_KEPT)
    def compare(before: Release, after: Release, _period: int) -> Delta:
        return engine.versions.compare(before, after)

    # A build may attach its SBOM later.
    return lambda before, after: compare(
        before, after, int(engine.now().timestamp() // _RELEASES_SECONDS)
    )


def _difference(engine: Engine, running: Manifest, coming: Manifest) -> Difference:
    impact = engine.impact(running, coming)
    before, after = _parts(running), _parts(coming)
    known = {part.digest for part in before.values()}
    return Difference(
        layers=_layers(before, after)[:_MOST],
        annotations=_annotations(running, coming)[:_MOST],
        same=sum(part.digest in known for part in after.values()),
        breaking=impact.breaking_changes,
        affected=impact.affected_products,
        not_compared=impact.not_compared,
    )


def _view(manifest: Manifest) -> ManifestView:
    try:
        return manifest.view
    except ValueError:
        return ManifestView(schema_version=2)


def _parts(manifest: Manifest) -> Mapping[str, Descriptor]:
    """Return layers by name, and the manifests of an index by position."""
    view = _view(manifest)
    listed = {f"manifest {n}": each for n, each in enumerate(view.manifests or (), 1)}
    return {**named_layers(view), **listed}


def _layers(before: Mapping[str, Descriptor], after: Mapping[str, Descriptor]) -> tuple[Line, ...]:
    found = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old and new and old.digest != new.digest:
            found.append(Line("~", name, old.digest, new.digest, new.size))
        elif new and not old:
            found.append(Line("+", name, "", new.digest, new.size))
        elif old and not new:
            found.append(Line("-", name, old.digest, "", old.size))
    return tuple(found)


def _annotations(running: Manifest, coming: Manifest) -> tuple[Line, ...]:
    before, after = _view(running).annotations, _view(coming).annotations
    return tuple(
        Line(_sign(name, before, after), name[:_LONGEST], _shown(name, before), _shown(name, after))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _shown(name: str, values: Mapping[str, str]) -> str:
    value = values.get(name, "")
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def _sign(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    if name not in before:
        return "+"
    return "~" if name in after else "-"
