"""The comparison of two manifests names every layer and annotation that differs."""

from datetime import UTC, datetime
from typing import Any

from engine.domain.artifact import Version
from engine.domain.impact.analysis import impact_analysis
from engine.domain.impact.comparison import ContentDelta, compare_content, describe_version
from engine.domain.impact.content import Content
from engine.domain.manifest import Manifest, ManifestView
from tests.builders import image, index

NOTHING = Content(ManifestView(schema_version=2))


def compare(before: Manifest, after: Manifest) -> ContentDelta:
    found = impact_analysis(NOTHING, NOTHING, (), datetime(2026, 3, 1, tzinfo=UTC))
    return compare_content(before, after, found)


def changes(before: Manifest, after: Manifest) -> list[tuple[Any, ...]]:
    found = compare(before, after)
    return [(e.name, e.change, e.before, e.after) for e in (*found.layers, *found.annotations)]


def annotated(**values: str) -> Manifest:
    return image(b"same", annotations=values).manifest


def test_annotations_are_added_removed_and_altered() -> None:
    before, after = annotated(kept="1", gone="", moved="a"), annotated(kept="1", new="", moved="b")

    assert changes(before, after) == [
        ("gone", "removed", "", None),
        ("moved", "altered", "a", "b"),
        ("new", "added", None, ""),
    ]
    assert compare(before, after).unchanged_layers == 1


def test_manifests_of_an_index_are_compared_by_position() -> None:
    one, two, three = (image(each) for each in (b"1", b"2", b"3"))

    found = compare(index(one, two).manifest, index(one, three).manifest)
    longer = compare(index(one).manifest, index(one, two).manifest)

    [altered], [added] = found.layers, longer.layers
    assert (altered.name, altered.change) == ("manifest 2", "altered")
    assert altered.after == str(three.manifest.digest)
    assert (added.change, added.before) == ("added", None)
    assert added.size_bytes == len(two.manifest.content)
    assert found.unchanged_layers == 1


def test_lists_and_texts_are_bounded_and_printable() -> None:
    before = annotated()
    after = annotated(long="n" * 5000, **{f"key-{n}\n": "\x1b[31m" for n in range(200)})

    found = compare(before, after).annotations

    assert len(found) == 100
    assert all("\n" not in each.name and each.after == "\\x1b[31m" for each in found)
    [long] = compare(before, annotated(long="n" * 5000)).annotations
    assert len(long.after or "") == 2000


def test_manifest_that_is_none_has_no_size() -> None:
    broken = Manifest(b"{}", image().manifest.media_type)

    described = describe_version(Version("v1.0.0"), broken, ("prod",))

    assert (described.size_bytes, described.revision) == (None, None)
    assert described.environments == ("prod",)
    assert changes(broken, broken) == []
