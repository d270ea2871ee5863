"""Measured figures are judged by the bounds, and a bound without a figure is missed."""

import tomllib

import pytest

from bench.__main__ import MEASUREMENTS
from bench.rows import BOUNDS, MET, MISSED, NOT_MEASURED, Judged, Row, beside, exit_code, judge


def verdicts(rows: list[Row], bounds: dict[str, float]) -> list[str]:
    return [each.verdict for each in judge(rows, bounds)]


@pytest.mark.parametrize(("theirs", "verdict"), [(2.0, MET), (1.9, MISSED)])
def test_bound_of_a_row_with_a_peer_limits_the_ratio(theirs: float, verdict: str) -> None:
    row = beside("promotion", 2.0, "skopeo copy", theirs)

    assert verdicts([row], {"promotion | skopeo copy": 1.0}) == [verdict]


@pytest.mark.parametrize(("figure", "verdict"), [(300.0, MET), (301.0, MISSED)])
def test_bound_of_a_row_without_a_peer_limits_the_figure(figure: float, verdict: str) -> None:
    assert verdicts([Row("answer, p99", figure, "ms")], {"answer, *": 300}) == [verdict]


def test_row_without_a_bound_has_no_verdict() -> None:
    assert verdicts([Row("threads", 7)], {}) == [""]


def test_bound_without_a_row_is_missed() -> None:
    judged = list(judge([Row("a", 1)], {"b | crane copy": 1.0}))

    assert [each.verdict for each in judged] == ["", NOT_MEASURED]
    assert exit_code(judged) == 1


def test_run_succeeds_only_if_all_bounds_are_met() -> None:
    row = Row("a", 1)

    assert exit_code([Judged(row), Judged(row, 2, MET)]) == 0
    assert exit_code([Judged(row, 2, MET), Judged(row, 0, MISSED)]) == 1


def test_every_bound_belongs_to_a_measurement() -> None:
    titles = tomllib.loads(BOUNDS.read_text())

    assert {title.removesuffix(" --full") for title in titles} <= set(MEASUREMENTS)
