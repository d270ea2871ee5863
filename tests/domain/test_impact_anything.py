"""The impact of any JSON: no exceptions, and bounded, printable lines."""

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.impact.analysis import ImpactAnalysis, impact_analysis
from engine.domain.impact.content import Content
from engine.domain.impact.json_values import JSON, is_same
from tests.domain.impact_contents import BARE, NOW, breaking, content, impact

# The words that have a meaning in the analysis, so that random values contain them.
WORDS = (
    "models transforms name id depends_on contracts plugins version type product products metadata"
)
KEYS = st.sampled_from(WORDS.split()) | st.text(max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["1.0.0", "v2", "0"])
    | st.text(max_size=8)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.fixed_dictionaries({"name": st.sampled_from("abc"), "depends_on": inner})
    ),
    max_leaves=20,
)
NAMED = st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3)
PLAIN_KEYS = st.text("abcdefghij_-", min_size=1, max_size=6)
NESTED = st.recursive(
    st.integers(), lambda inner: st.dictionaries(PLAIN_KEYS, inner, min_size=1, max_size=4)
)


@given(ANYTHING)
def test_equal_content_breaks_nothing(document):
    assert breaking(document, document) == []


@given(ANYTHING, ANYTHING)
def test_is_same_compares_types_and_values(one, other):
    assert is_same(one, one)
    if is_same(one, other):
        assert one == other
        assert breaking(one, other) == []


@given(st.dictionaries(PLAIN_KEYS, NESTED, min_size=1, max_size=4), st.data())
def test_removed_key_is_reported_by_its_path(document, data):
    path = data.draw(st.sampled_from(sorted(_paths(document))))

    found = breaking(document, _without(document, path))

    assert found == [f"Removed field: {'.'.join(path)}"]


@given(NAMED, NAMED, st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
def test_any_content_can_be_analyzed(current, target, unread):
    undone = [(str(n), NOW - timedelta(seconds=n)) for n in range(3)]

    found = impact_analysis(
        Content(BARE, current), Content(BARE, target, unread=unread), undone, NOW
    )

    _is_fit_to_show(found)


@given(st.lists(ANYTHING, min_size=2, max_size=2))
def test_any_change_of_a_document_can_be_analyzed(documents):
    before, after = documents

    _is_fit_to_show(impact(before, after))


@given(ANYTHING, st.integers(min_value=201, max_value=400))
def test_analysis_is_bounded(document, count):
    many: dict[str, JSON] = {f"key{n}": document for n in range(count)}

    found = impact_analysis(content(a_json=many), content(a_json={}), [], NOW)

    assert found.breaking_changes[200] == f"…and {count - 200} more"
    _is_fit_to_show(found)


def _is_fit_to_show(found: ImpactAnalysis) -> None:
    for lines in found.model_dump(exclude={"seconds_undone"}).values():
        assert len(lines) <= 201
        for line in lines:
            assert all(char.isprintable() or char.isspace() for char in line)
            assert not re.search(r"[\n\r\x1b\u2028\ud800-\udfff]", line)
            assert len(line) <= 4_000


def _paths(document: JSON) -> set[tuple[str, ...]]:
    if not isinstance(document, dict):
        return set()
    deeper = {(key, *rest) for key, value in document.items() for rest in _paths(value)}
    return {(key,) for key in document} | deeper


def _without(document: JSON, path: tuple[str, ...]) -> JSON:
    assert isinstance(document, dict)
    key, *rest = path
    kept = {k: v for k, v in document.items() if k != key}
    return kept | {key: _without(document[key], tuple(rest))} if rest else kept
