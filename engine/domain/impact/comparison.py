"""The comparison of two versions: their artifacts, and every difference that is known."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Literal

from pydantic import Field

from engine.domain.artifact import Version
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.impact.commits import REVISION
from engine.domain.impact.content import named_layers
from engine.domain.impact.delta import Delta
from engine.domain.impact.text import shorten
from engine.domain.manifest import Descriptor, Manifest, ManifestView
from engine.domain.record_base import DigestText, Value

_MOST = 100
# An annotation may fill a manifest of 4 MB.
_LONGEST = 2000
_LONGEST_REVISION = 128


class ComparedVersion(Value):
    """One of two versions, and its artifact."""

    version: str = Field(description="the version")
    digest: DigestText = Field(description="digest of its artifact")
    size_bytes: int | None = Field(description="bytes of its layers; null for an index")
    revision: str | None = Field(description="commit that its build names")
    environments: tuple[str, ...] = Field(description="environments that run it")


class PartChange(Value):
    """A layer, a manifest of an index, or an annotation that differs."""

    name: str = Field(description="title of the layer, or name of the annotation")
    change: Literal["added", "removed", "altered"] = Field(description="kind of the difference")
    before: str | None = Field(description="digest or value in the first version")
    after: str | None = Field(description="digest or value in the second version")
    size_bytes: int | None = Field(default=None, description="bytes of a layer")


class ContentDelta(Value):
    """The differences between two manifests; at most 100 layers and 100 annotations are listed."""

    layers: tuple[PartChange, ...] = Field(description="layers that differ")
    annotations: tuple[PartChange, ...] = Field(description="annotations that differ")
    unchanged_layers: int = Field(description="number of layers that both have")
    breaking_changes: tuple[str, ...] = Field(
        description="fields of JSON layers that the second version removes or changes"
    )
    affected_products: tuple[str, ...] = Field(description="products that these concern")
    not_compared: tuple[str, ...] = Field(description="content without a comparison, and why")


class Comparison(Value):
    """Two versions and their differences; without `delta` and `content`, one artifact."""

    before: ComparedVersion
    after: ComparedVersion
    delta: Delta | None = None
    content: ContentDelta | None = None


def describe_version(
    version: Version, manifest: Manifest, environments: tuple[str, ...]
) -> ComparedVersion:
    """Describe the artifact of `version`, which runs in `environments`."""
    view = _view(manifest)
    revision = view.annotations.get(REVISION)
    return ComparedVersion(
        version=str(version),
        digest=str(manifest.digest),
        size_bytes=None if view.layers is None else sum(layer.size for layer in view.layers),
        revision=revision and shorten(revision, _LONGEST_REVISION),
        environments=environments,
    )


def compare_content(before: Manifest, after: Manifest, impact: ImpactAnalysis) -> ContentDelta:
    """Compare the layers and annotations of two artifacts, of whose content `impact` is known."""
    old, new = _parts(before), _parts(after)
    layers = _changes(
        {name: part.digest for name, part in old.items()},
        {name: part.digest for name, part in new.items()},
        {name: part.size for name, part in (old | new).items()},
    )
    notes, others = (dict(sorted(_view(each).annotations.items())) for each in (before, after))
    known = {part.digest for part in old.values()}
    return ContentDelta(
        layers=tuple(islice(layers, _MOST)),
        annotations=tuple(islice(_changes(notes, others, {}), _MOST)),
        unchanged_layers=sum(part.digest in known for part in new.values()),
        breaking_changes=impact.breaking_changes,
        affected_products=impact.affected_products,
        not_compared=impact.not_compared,
    )


def _view(manifest: Manifest) -> ManifestView:
    try:
        return manifest.view
    except ValueError:
        return ManifestView(schema_version=2)


def _parts(manifest: Manifest) -> dict[str, Descriptor]:
    """Return layers by name, and the manifests of an index by position."""
    view = _view(manifest)
    listed = {f"manifest {n}": each for n, each in enumerate(view.manifests or (), 1)}
    return {**named_layers(view), **listed}


def _changes(
    before: Mapping[str, str], after: Mapping[str, str], sizes: Mapping[str, int]
) -> Iterator[PartChange]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield PartChange(
                name=shorten(name, _LONGEST),
                change="added" if old is None else "removed" if new is None else "altered",
                before=old and shorten(old, _LONGEST),
                after=new and shorten(new, _LONGEST),
                size_bytes=sizes.get(name),
            )
