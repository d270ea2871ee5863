"""Hostile days on three replicas, and the throughput of one, two and three; see tests/nemesis."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from bench.platform import registry_host
from bench.rows import Row, beside
from tests.nemesis.day import Day, Outcome
from tests.peers.postgres import postgres

# Environments, promotions into each of them, the longest trouble in seconds, and days.
FEW, MANY = (5, 6, 10, 1), (20, 50, 60, 3)


def rows(full: bool = False) -> Iterator[Row]:
    lanes, depth, longest, days = MANY if full else FEW
    for seed in range(days):
        with _day(lanes=lanes, depth=depth, longest=longest, seed=seed) as day:
            yield from _figures(f"day {seed}", day.play())
    rates = []
    for number in (1, 2, 3):
        with _day(lanes=10, replicas=number, troubles=0) as day:
            outcome = day.play()
        rates.append(outcome.promotions / outcome.seconds)
        peer = "1 replica"
        yield beside(f"{number} replicas, promotions", rates[-1], peer, rates[0], "a second")


def _figures(name: str, outcome: Outcome) -> Iterator[Row]:
    troubles = outcome.nemesis.happened.total()
    yield Row(f"{name}, promotions", outcome.promotions)
    yield Row(f"{name}, troubles", troubles)
    yield Row(f"{name}, time", outcome.seconds / 60, "min")
    if taken := outcome.nemesis.takeovers:
        yield Row(f"{name}, takeover after a kill, median", median(taken), "s")
        yield Row(f"{name}, takeover after a kill, slowest", max(taken), "s")
    yield Row(f"{name}, last message after the last click", outcome.settled, "s")


@contextmanager
def _day(**options: Any) -> Iterator[Day]:
    with registry_host() as (host, folder), postgres() as server:
        yield Day(folder, host, server, "floe", **options)
