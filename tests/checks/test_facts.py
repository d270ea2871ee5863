"""Facts: declared before use, and read once, in parallel."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.context.facts import Fact, Facts
from engine.domain.errors import RegistryUnavailableError, UsageError


class Weather(Facts):
    """A context that counts its readings; two of them wait for each other."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(pool)
        self.readings: list[str] = []
        self.meeting = threading.Barrier(2, timeout=60)

    @Fact
    def wind(self) -> int:
        self.readings.append("wind")
        self.meeting.wait()
        return 3

    @Fact
    def rain(self) -> int:
        self.readings.append("rain")
        self.meeting.wait()
        return 5

    @Fact
    def sky(self) -> str:
        self.readings.append("sky")
        return "grey"

    @Fact
    def forecast(self) -> str:
        return f"{self.sky} and {self.sky}"

    @Fact
    def broken(self) -> str:
        raise RegistryUnavailableError("the station is down")

    @Fact
    def misread(self) -> str:
        raise UsageError("'x' is not a place")


class MountainWeather(Weather):
    @Fact
    def sky(self) -> str:
        return "blue"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as running:
        yield running


def test_undeclared_fact_is_an_error_without_a_request(pool: ThreadPoolExecutor) -> None:
    weather = Weather(pool)

    with pytest.raises(RuntimeError, match="'sky' is used without being declared"):
        _ = weather.sky

    assert weather.readings == []


def test_facts_fetched_together_are_read_in_parallel(pool: ThreadPoolExecutor) -> None:
    weather = Weather(pool)

    weather.fetch([Weather.wind, Weather.rain])

    assert (weather.wind, weather.rain) == (3, 5)


def test_fact_is_read_once(pool: ThreadPoolExecutor) -> None:
    weather = Weather(pool)

    weather.fetch([Weather.forecast, Weather.sky, Weather.forecast])
    weather.fetch([Weather.sky])

    assert weather.forecast == "grey and grey"
    assert weather.readings == ["sky"]


def test_overridden_fact_of_a_context_is_read(pool: ThreadPoolExecutor) -> None:
    weather = MountainWeather(pool)

    weather.fetch([Weather.sky])

    assert weather.sky == "blue"


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        ([Weather.broken, Weather.sky, Weather.misread], RegistryUnavailableError),
        ([Weather.sky, Weather.misread, Weather.broken], UsageError),
    ],
)
def test_first_failure_in_order_is_raised(
    pool: ThreadPoolExecutor, facts: list[Fact[str]], first: type[Exception]
) -> None:
    weather = Weather(pool)

    with pytest.raises(first):
        weather.fetch(facts)


def test_peek_does_not_read_a_fact(pool: ThreadPoolExecutor) -> None:
    weather = Weather(pool)

    weather.fetch([Weather.sky])

    assert (weather.peek(Weather.sky), weather.peek(Weather.wind)) == ("grey", None)
    assert weather.readings == ["sky"]
