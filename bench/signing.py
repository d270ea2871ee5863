"""Measures signed entries and checkpoints beside an unsigned promotion on a docker-registry."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.platform import medians, opened, registry_host
from bench.rows import Row, beside
from engine.adapters.ledger.sealing import Sealing
from engine.adapters.signing.pem import generate_key
from engine.api import Engine
from engine.ports import Registry
from tests.builders import image
from tests.peers import raw
from tests.peers.timestamp_authority import TimestampAuthority
from tests.scenarios.engines import engine_on, promote
from tests.scenarios.sealed import trust
from tests.scenarios.stamped import stamping
from tests.tlog.logged import logging_engine

_PLAIN, _CHECKPOINTS = "unsigned promotion", "with a checkpoint"
_STAMPED = "signed and with a timestamp"
_KINDS = {"ecdsa": "signed by ECDSA P-256", "ed25519": "signed by Ed25519"}


class TimedAuthority(TimestampAuthority):
    """Collects in `taken` the seconds that each answer takes, since a program starts for it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.taken: list[float] = []

    def answer(self, query: bytes) -> bytes:
        started = perf_counter()
        answer = super().answer(query)
        self.taken.append(perf_counter() - started)
        return answer


def rows(times: int = 15) -> Iterator[Row]:
    with registry_host() as (host, folder), ExitStack() as stack:
        authority = stack.enter_context(TimedAuthority(folder / "tsa"))
        engines = {
            name: stack.enter_context(_engine(stack, host, folder, name, sealing))
            for name, sealing in _sealings(authority).items()
        }
        logged = engines.pop(_CHECKPOINTS)
        logging = logging_engine(logged, generate_key("ed25519"))
        for name in (*engines, _CHECKPOINTS):
            for number in range(times + 1):
                raw.push(host, _repository(name), image(f"{name}{number}".encode()), _tag(number))

        def checkpoint(number: int) -> None:
            _promote(logged, number)
            started = perf_counter()
            logging.make_checkpoints("staging")
            made.append(perf_counter() - started)

        made: list[float] = []
        works = {name: partial(_promote, engine) for name, engine in engines.items()}
        taken = medians(works | {_CHECKPOINTS: checkpoint}, times)
    for name in engines:
        if name != _PLAIN:
            yield beside(f"promotion {name}", taken[name], _PLAIN, taken[_PLAIN])
    yield Row("answer of the authority of timestamps", median(authority.taken[1:]) * 1000, "ms")
    yield beside("checkpoint, made after the promotion", median(made[1:]), _PLAIN, taken[_PLAIN])
    yield from _signatures()


def _signatures() -> Iterator[Row]:
    for kind, name in _KINDS.items():
        signer, statement = generate_key(kind), bytes(4096)
        started = perf_counter()
        for _ in range(1000):
            signer.sign(statement)
        yield Row(f"signature of 4 KiB by {name[10:]}", perf_counter() - started, "ms")


def _sealings(authority: TimestampAuthority) -> dict[str, Sealing | None]:
    signers = {name: generate_key(kind) for kind, name in _KINDS.items()}
    signed = {name: Sealing(signer, trust(signer)) for name, signer in signers.items()}
    return {_PLAIN: None, **signed, _STAMPED: stamping(authority), _CHECKPOINTS: None}


def _engine(
    stack: ExitStack, host: str, folder: Path, name: str, sealing: Sealing | None
) -> AbstractContextManager[Engine]:
    registry: Registry = stack.enter_context(opened(host, _repository(name)))
    place = folder / name.replace(" ", "-")
    place.mkdir()
    return engine_on(registry, place, sealing=sealing)


def _repository(name: str) -> str:
    return f"bench/{name.lower().replace(' ', '-')}"


def _tag(number: int) -> str:
    return f"v1.{number}.0-dev"


def _promote(engine: Engine, number: int) -> None:
    assert promote(engine, f"v1.{number}.0", "staging").error is None
