"""The cost of commands with 1,000 and 10,000 promotions on record, relative to 10."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.platform import REPOSITORY, medians, opened, registry_host
from bench.proxy import LATENCY_SECONDS, counting
from bench.rows import Row, beside
from bench.storage import TARGET, built, write_promotions
from engine.adapters.signing.pem import generate_key
from engine.api import Engine
from engine.domain.plan import GateMode
from engine.ports import NO_PROGRESS
from tests.peers import raw
from tests.scenarios.engines import ProgressLog, engine_on, promotion
from tests.scenarios.verbs import roll_back
from tests.tlog.logged import logging_engine

FEW, MANY, MOST = 10, 1_000, 10_000
# An early version that precedes all previous rollback targets, even in the shortest ledger.
_EARLY = 4
# Rounds of each command: few for rollbacks, which change the start of the next round, and for
# the slow verification.
_ROUNDS = {
    "audit verify": 1,
    "rollback by one": 3,
    "rollback to one of the first, and to the newest again": 3,
}
_MANY_ROUNDS = 15
_HISTORY = "history"
_LOG_KEY = generate_key("ed25519")


@dataclass(frozen=True)
class Place:
    """A registry with a number of promotions on record, and a folder for other files."""

    promotions: int
    host: str
    folder: Path


def rows(full: bool = False) -> Iterator[Row]:
    sizes = (FEW, MANY, MOST) if full else (FEW, MANY)
    with ExitStack() as stack:
        places = [stack.enter_context(_recorded(size)) for size in sizes]
        for name in _commands(FEW):
            yield from _compared(name, places)
        for place in places:
            yield Row(f"history, {place.promotions:,} promotions, waves", _waves(_HISTORY, place))


@contextmanager
def _recorded(promotions: int) -> Iterator[Place]:
    with registry_host() as (host, folder):
        write_promotions(folder / "storage", promotions)
        raw.push(host, REPOSITORY, built(promotions), f"v1.0.{promotions}-dev")
        place = Place(promotions, host, folder)
        with _engine_at(host, place) as engine:
            logging_engine(engine, _LOG_KEY).make_checkpoints(TARGET)
        yield place


def _compared(name: str, places: list[Place]) -> Iterator[Row]:
    few, *more = places
    requests = {place.promotions: _requests(name, place) for place in places}
    with ExitStack() as stack:
        works = {str(place.promotions): stack.enter_context(_work(name, place)) for place in places}
        taken = medians(works, _ROUNDS.get(name, _MANY_ROUNDS))
    for place in more:
        size = place.promotions
        row, peer = f"{name}, {size:,} promotions", f"with {FEW}"
        yield beside(f"{row}, requests", requests[size], peer, requests[FEW], "")
        yield beside(f"{row}, time", taken[str(size)], peer, taken[str(few.promotions)])


def _requests(name: str, place: Place) -> int:
    with counting(place.host, 0) as (proxied, count), _engine_at(proxied, place) as engine:
        _commands(place.promotions)[name](engine, 0)
        return count.requests


def _waves(name: str, place: Place) -> int:
    with counting(place.host, LATENCY_SECONDS) as (proxied, count):
        with _engine_at(proxied, place) as engine:
            _commands(place.promotions)[name](engine, 0)
        return count.waves


@contextmanager
def _work(name: str, place: Place) -> Iterator[Callable[[int], object]]:
    with _engine_at(place.host, place) as engine:
        command = _commands(place.promotions)[name]
        yield lambda number: command(engine, number + 1)


@contextmanager
def _engine_at(host: str, place: Place) -> Iterator[Engine]:
    with opened(host) as registry, engine_on(registry, place.folder) as engine:
        yield engine


def _commands(promotions: int) -> dict[str, Callable[[Engine, int], object]]:
    newest = promotions - 1

    def verify(engine: Engine, _number: int) -> None:
        assert engine.verify(TARGET, NO_PROGRESS).sound

    def verify_new(engine: Engine, _number: int) -> None:
        assert logging_engine(engine, _LOG_KEY).verify(TARGET, NO_PROGRESS).sound

    def back(engine: Engine, number: int) -> None:
        assert roll_back(engine, f"v1.0.{newest - 1 - number}").error is None

    def far(engine: Engine, number: int) -> None:
        assert roll_back(engine, f"v1.0.{_EARLY - number}").error is None
        assert roll_back(engine, f"v1.0.{newest}").error is None

    return {
        "status": lambda engine, _: engine.status(),
        # A fixed number of rows, so that only the history's length differs.
        _HISTORY: lambda engine, _: engine.history(TARGET, FEW),
        "dry run": lambda engine, _: engine.plan(
            promotion(engine, f"v1.0.{promotions}", TARGET), ProgressLog(), GateMode.LIST
        ),
        "audit verify": verify,
        "audit verify, nothing new since the last checkpoint": verify_new,
        "rollback by one": back,
        "rollback to one of the first, and to the newest again": far,
    }
