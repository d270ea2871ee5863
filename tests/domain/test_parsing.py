"""Parsing of requests, and the errors for invalid input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.environment import Environment
from engine.domain.errors import PromotionError, UsageError
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.parsing import (
    parse_lock_duration,
    parse_lock_request,
    parse_promotion_request,
    parse_rollback_request,
    parse_unlock_request,
)
from engine.domain.path import PromotionPath

PATH = PromotionPath((Environment("dev"), Environment("pre-prod"), Environment("prod")))
ALICE = Operator("a", "os:a", IdentitySource.OS, False)
TRACE = "1" * 32


def version_of(text: str, target: str = "prod") -> str:
    request = parse_rollback_request(PATH, text, target, ALICE, TRACE, "why")
    return str(request.version)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m", 60),
        ("60s", 60),
        ("30m", 1800),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1d12h", 129600),
        (" 30m ", 1800),
        ("90m", 5400),
        ("30d", 2592000),
    ],
)
def test_duration_is_parsed(text: str, seconds: int) -> None:
    assert parse_lock_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "m", "30", "1.5h", "-1h", "1h-30m", "30m1h", "2H", "1w", "1h 30m", "٣٠m", "1h1h"],
)
def test_invalid_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_lock_duration(text)

    assert "write 30m, 2h, 1d" in str(refused.value)


@pytest.mark.parametrize("text", ["0m", "59s", "30d1s", "31d", "721h", "99999999d"])
def test_a_lock_is_not_shorter_than_a_minute_nor_longer_than_thirty_days(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_lock_duration(text)

    assert "from 1m to 30d" in str(refused.value)


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert 60 <= parse_lock_duration(text) <= 30 * 86400
    except PromotionError as error:
        assert isinstance(error, UsageError)


@pytest.mark.requirement("FR-013")
def test_a_version_may_be_given_as_its_tag_there() -> None:
    assert version_of("v1.2.2-prod") == "v1.2.2"
    assert version_of("v1.2.2") == "v1.2.2"
    assert version_of("1.2.2-rc.1-pre-prod", "pre-prod") == "1.2.2-rc.1"


@pytest.mark.parametrize("text", ["latest", "latest-prod", "", "v1", "v1.2.3+b", "v1.2.0-pre"])
def test_invalid_version_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        version_of(text)


def test_a_version_too_long_for_its_rollback_tag_is_refused() -> None:
    fits = f"v1.0.0-{'a' * 100}"
    assert version_of(fits) == fits

    with pytest.raises(UsageError) as refused:
        version_of(f"{fits}{'a' * 6}")

    assert "128 characters" in str(refused.value)


def test_unknown_environment_is_refused_with_the_known_ones() -> None:
    def roll_back() -> object:
        return parse_rollback_request(PATH, "v1.0.0", "qa", ALICE, TRACE, "why")

    def lock() -> object:
        return parse_lock_request(PATH, "qa", ALICE, TRACE, "why")

    def unlock() -> object:
        return parse_unlock_request(PATH, "qa", ALICE, TRACE, "why")

    for ask in (roll_back, lock, unlock):
        with pytest.raises(UsageError) as refused:
            ask()
        assert "Environments: dev, pre-prod, prod" in str(refused.value)


def test_lock_without_a_duration_lasts_until_unlocked() -> None:
    assert parse_lock_request(PATH, "prod", ALICE, TRACE, "why").for_seconds is None
    assert parse_lock_request(PATH, "prod", ALICE, TRACE, "why", "2h").for_seconds == 7200


def test_blank_incident_is_no_break_glass() -> None:
    blank = Overrides(incident="  ")

    promotion = parse_promotion_request(PATH, "v1.0.0", None, "prod", ALICE, TRACE, blank)
    rollback = parse_rollback_request(PATH, "v1.0.0", "prod", ALICE, TRACE, "why", "  ")

    assert (promotion.overrides, promotion.break_glass) == (NO_OVERRIDES, None)
    assert rollback.break_glass is None
