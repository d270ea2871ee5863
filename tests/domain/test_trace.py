"""Trace ids: valid, and the caller's if there is one."""

import re

import pytest

from engine.domain.trace import trace_id


@pytest.mark.requirement("FR-033")
def test_the_callers_trace_is_continued():
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    assert trace_id(parent) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "parent", [None, "", "nonsense", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"]
)
def test_trace_id_is_created_without_a_traceparent(parent):
    one, other = trace_id(parent), trace_id(parent)

    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one != other
    assert int(one, 16) != 0
