"""Hostile days on three replicas, and the throughput of one, two and three; see tests/nemesis."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.platform import registry_host
from tests.nemesis.day import Day
from tests.nemesis.report import sentences
from tests.peers.postgres import postgres

# Environments, promotions into each of them, the longest trouble in seconds, and days.
FEW, MANY = (5, 6, 10, 1), (20, 50, 60, 3)


def lines(full: bool = False) -> Iterator[str]:
    lanes, depth, longest, days = MANY if full else FEW
    for seed in range(days):
        with _day(lanes=lanes, depth=depth, longest=longest, seed=seed) as day:
            yield from sentences(day.play())
    rates = []
    for number in (1, 2, 3):
        with _day(lanes=10, replicas=number, troubles=0) as day:
            outcome = day.play()
        rates.append(outcome.promotions / outcome.seconds)
        yield f"{number} replicas without troubles: {rates[-1] / rates[0]:.2f} x the promotions"


@contextmanager
def _day(**options: Any) -> Iterator[Day]:
    with registry_host() as (host, folder), postgres() as server:
        yield Day(folder, host, server, "floe", **options)
