"""One person fills one rule: the assignment is as large as any."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.approval_rules import assign

PEOPLE = st.lists(st.frozensets(st.integers(0, 3)), max_size=5)
COUNTS = st.lists(st.integers(1, 2), min_size=4, max_size=4)


def largest(people: list[frozenset[int]], counts: list[int]) -> int:
    """Try all assignments."""
    options = [(None, *sorted(each)) for each in people]
    sizes = [
        sum(rule is not None for rule in tried)
        for tried in product(*options)
        if all(tried.count(rule) <= counts[rule] for rule in range(len(counts)))
    ]
    return max(sizes)


@given(PEOPLE, COUNTS)
def test_assignment_is_valid_and_as_large_as_any(people, counts):
    found = assign(people, counts)

    assert all(rule is None or rule in can for rule, can in zip(found, people, strict=True))
    assert all(found.count(rule) <= count for rule, count in enumerate(counts))
    assert sum(rule is not None for rule in found) == largest(people, counts)


@given(PEOPLE, COUNTS)
def test_person_keeps_a_rule_when_others_come(people, counts):
    found = [assign(people[:size], counts) for size in range(len(people) + 1)]

    for fewer, more in pairwise(found):
        assert all(after is not None for before, after in zip(fewer, more, strict=False) if before)


@pytest.mark.parametrize(
    ("people", "filled"),
    [
        ([{0, 1}], (0,)),
        ([{0, 1}, {0}], (1, 0)),
        ([{0, 1}, {1}], (0, 1)),
        ([{0}, {0}], (0, None)),
        ([set()], (None,)),
    ],
)
def test_example_of_two_rules(people, filled):
    assert assign(people, [1, 1]) == filled
