"""The time of a scheduled change has a zone, and is within the next 30 days."""

from datetime import UTC, datetime

import pytest

from engine.domain.errors import UsageError
from engine.domain.scheduled_time import parse_scheduled_time

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-12-01T09:00[Europe/Berlin]", "2026-12-01T09:00+01:00", "2026-12-01 08:00:00Z"],
)
def test_time_with_a_zone_is_converted(text: str) -> None:
    assert parse_scheduled_time(text, NOW) == datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-12-01T09:00", "is not a time with its zone"),
        ("tomorrow", "is not a time with its zone"),
        ("2026-12-01T09:00[Mars/Base]", "unknown time zone"),
        ("2026-02-30T09:00Z", "cannot be used"),
        ("2026-11-20T12:00Z", "is not in the future"),
        ("2027-01-01T12:00Z", "is more than 30 days away"),
    ],
)
def test_other_time_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_scheduled_time(text, NOW)


def test_time_that_the_clock_skips_is_refused() -> None:
    with pytest.raises(UsageError, match="does not exist"):
        parse_scheduled_time("2026-03-29T02:30[Europe/Berlin]", datetime(2026, 3, 20, tzinfo=UTC))
