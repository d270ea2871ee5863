"""JSON documents in which one value is replaced."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

OTHERS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            *("prod", "v9", "", "\x1b[2J\u202e\n", "\ud800", f"sha256:{'0' * 64}", "x" * 3000),
            *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
            *([], {}, [[]], {"a": {}}, ["a"], [None], {"message": 1}),
        ]
    ),
)


def places(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in `tree`, starting with the root."""
    yield at
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from places(inner, (*at, key))
    elif isinstance(tree, list):
        for index, inner in enumerate(tree):
            yield from places(inner, (*at, index))


def altered(tree: Any, number: int, value: Any) -> Any:
    """Return `tree` with `value` in place `number`, modulo the number of places."""
    paths = list(places(tree))
    path = paths[number % len(paths)]
    if not path:
        return value
    changed = branch = copy.deepcopy(tree)
    for key in path[:-1]:
        branch = branch[key]
    branch[path[-1]] = value
    return changed
