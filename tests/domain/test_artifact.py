"""Valid tags, digests and versions, and the order of versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.artifact import Digest, Tag, Version, nearest_versions


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a/b", "ä", "a" * 129, "a\n", "v1+2"])
def test_invalid_oci_tag_is_rejected(name):
    with pytest.raises(ValueError, match="not an OCI tag"):
        Tag(name)


@pytest.mark.parametrize("text", ["sha256:abc", "sha512:" + "a" * 128, "sha256:" + "A" * 64, ""])
def test_incomplete_digest_is_rejected(text):
    with pytest.raises(ValueError, match="not a sha256 digest"):
        Digest(text)


@pytest.mark.parametrize("text", ["v1.2.3", "1.2.3", "v1.2.3-rc.1", "0.0.0-a-b.10", "v10.20.30"])
def test_semantic_versions_are_accepted(text):
    assert str(Version(text)) == text


@pytest.mark.parametrize(
    "text", ["v1", "v1.2", "v01.2.3", "v1.2.3+build", "latest", "v1.2.3-", "v1.2.3-01", "V1.2.3"]
)
def test_other_texts_are_not_versions(text):
    with pytest.raises(ValueError, match="not a semantic version"):
        Version(text)


def test_versions_are_ordered_by_semver_section_11():
    ordered = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11"
    texts = [*ordered.split(), "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0"]

    assert [str(v) for v in sorted(Version(t) for t in reversed(texts))] == texts


def test_nearest_versions_are_adjacent_in_version_order():
    others = [Version(f"v1.{n}.0") for n in range(10)]

    assert [str(v) for v in nearest_versions(Version("v1.4.5"), others)] == [
        "v1.3.0",
        "v1.4.0",
        "v1.5.0",
    ]
    assert [str(v) for v in nearest_versions(Version("v9.0.0"), others)] == [
        "v1.7.0",
        "v1.8.0",
        "v1.9.0",
    ]
    assert nearest_versions(Version("v1.0.0"), []) == ()


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3), max_size=20), st.integers(1, 5))
def test_nearest_versions_are_distinct_and_among_the_others(numbers, count):
    others = [Version(".".join(map(str, n))) for n in numbers]

    found = nearest_versions(Version("10.10.10"), others, count)

    assert set(found) <= set(others)
    assert len(found) == min(count, len(set(others)))
    assert list(found) == sorted(found)
