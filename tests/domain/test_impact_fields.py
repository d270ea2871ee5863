"""Removed and retyped fields, named by readable paths."""

import pytest

from engine.domain.impact.json_values import JSON
from tests.domain.impact_contents import breaking


@pytest.mark.requirement("FR-016")
def test_a_removed_field_is_named_by_its_path():
    current = {"config": {"x": 1, "y": 2}, "schedule": "hourly"}

    found = breaking(current, {"config": {"y": 3}})

    assert found == ["Removed field: config.x", "Removed field: schedule"]


@pytest.mark.requirement("FR-016")
@pytest.mark.parametrize(
    ("before", "after", "types"),
    [
        ("1Gi", 512, "str -> int"),
        (1.5, 1, "float -> int"),
        (True, 1, "bool -> int"),
        (1, True, "int -> bool"),
        (None, {}, "null -> dict"),
        ([1], None, "list -> null"),
        ({"a": 1}, ["a"], "dict -> list"),
    ],
)
def test_changed_type_is_named_in_python_spelling(before, after, types):
    found = breaking({"limits": {"memory": before}}, {"limits": {"memory": after}})

    assert found == [f"Changed type: limits.memory ({types})"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1}, {"a": 2, "new": True}),
        ({"a": 1}, {"a": 1.5}),
        ({"a": [1, 2]}, {"a": [2.5]}),
        ({"a": ["x", "y", "z"]}, {"a": ["y"]}),
        ({"a": ["x"]}, {"a": []}),
        ({"a": [1, "x"]}, {"a": ["y", 2]}),
        ({"a": [{"x": 1}, {"y": 1}]}, {"a": [{"y": 1}, {"x": 2}, {"z": 3}]}),
        ({"a": [[1], []]}, {"a": [[], [2]]}),
    ],
)
def test_compatible_changes_break_nothing(before, after):
    assert breaking(before, after) == []


@pytest.mark.parametrize("key", ["name", "id"])
def test_objects_in_lists_are_matched_by_name_or_id(key):
    orders: JSON = {key: "orders", "materialized": "table", "rows": 1}
    current: JSON = {"marts": [{key: "sales"}, orders]}
    target: JSON = {"marts": [{key: "new"}, {key: "orders", "rows": "1"}]}

    found = breaking(current, target)

    assert found == [
        "Removed field: marts[sales]",
        "Removed field: marts[orders].materialized",
        "Changed type: marts[orders].rows (int -> str)",
    ]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ([1, 2], ["a", "b"], "Changed type: rows[] (int -> str)"),
        ([1, "a"], [1], "Changed type: rows[] (int | str -> int)"),
        ([{"x": 1}, {"y": 1}], [{"x": 1}], "Removed field: rows[].y"),
        ([{"x": {"y": 1}}], [{"x": {"y": "1"}}], "Changed type: rows[].x.y (int -> str)"),
        ([[1]], [[None]], "Changed type: rows[][] (int -> null)"),
        (["a"], [{"name": "a"}], "Changed type: rows[] (str -> dict)"),
        ([{"name": "a"}], [], "Removed field: rows[a]"),
        ([{"name": "a", "x": 1}, 7], [7, {"name": "a"}], "Removed field: rows[a].x"),
    ],
)
def test_list_elements_are_compared_without_positions(before, after, line):
    assert breaking({"rows": before}, {"rows": after}) == [line]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a.b", 'config."a.b"'),
        ("", 'config.""'),
        ("a b", 'config."a b"'),
        ('a."b', 'config."a.\\"b"'),
        ("größe-1_x", "config.größe-1_x"),
        ("\x1b[2J\n", 'config."\\\\x1b[2J\\\\n"'),
        ("x" * 100, "config." + "x" * 79 + "…"),
    ],
)
def test_ambiguous_key_is_quoted_escaped_or_shortened(key, path):
    assert breaking({"config": {key: 1}}, {"config": {}}) == [f"Removed field: {path}"]


def test_path_of_long_escaped_keys_stays_one_line():
    key = "\u202e" * 1000
    current: JSON = {"old": 1}
    target: JSON = {}
    for _ in range(100):
        current, target = {key: current}, {key: target}

    (found,) = breaking(current, target)

    assert found.endswith(".old")
    assert len(found) < 4000


def test_document_of_another_type_is_named_by_its_layer():
    assert breaking([1], {"a": 1}) == ["Changed type: compiled.json (list -> dict)"]


def test_deeply_nested_document_is_compared_completely():
    current: JSON = {"old": 1}
    target: JSON = {}
    for _ in range(50_000):
        current, target = {"a": current}, {"a": target}

    (found,) = breaking(current, target)

    assert found == f"Removed field: {'a.' * 9}a….a.a.a.a.a.a.a.a.a.old"
