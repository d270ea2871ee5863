"""Rollback, status, history and dry run with 1,000 versions in the repository, against 10."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.platform import REPOSITORY, opened, registry_host, seconds
from bench.proxy import counting
from engine.adapters.registry.distribution import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.plan import GateMode
from tests.builders import image
from tests.peers import raw
from tests.scenarios.engines import Told, engine_on, promote, promotion
from tests.scenarios.verbs import roll_back

FEW, MANY = 10, 1000
_TIMES = 5


def lines() -> Iterator[str]:
    few, many = _measured(FEW), _measured(MANY)
    for name, (requests, took) in many.items():
        before, earlier = few[name]
        yield (
            f"{name}: {requests} requests with {MANY} versions, {before} with {FEW}; "
            f"{took / earlier:.2f} x the time"
        )


def _measured(versions: int) -> dict[str, tuple[int, float]]:
    """Requests and seconds of each command, in a repository with that many versions."""
    with registry_host() as (host, folder):
        with opened(host) as registry, engine_on(registry, folder) as engine:
            _publish(host, registry, versions)
            for version in ("v1.0.0", "v1.0.1"):
                assert promote(engine, version, "staging").error is None
        commands: dict[str, Callable[[Engine, int], object]] = {
            "status": lambda engine, _: engine.status(),
            "history": lambda engine, _: engine.history("staging", 20),
            "dry run": lambda engine, _: engine.plan(
                promotion(engine, "v1.0.2", "staging"), Told(), GateMode.LIST
            ),
            "rollback": lambda engine, n: roll_back(engine, f"v1.0.{n % 2}"),
        }
        found = {}
        for name, command in commands.items():
            with (
                counting(host) as (proxied, count),
                opened(proxied) as registry,
                engine_on(registry, folder) as engine,
            ):
                command(engine, 0)
                requests = count.requests
                took = seconds(lambda n, run=command: run(engine, n + 1), _TIMES)
            found[name] = (requests, took)
        return found


def _publish(host: str, registry: DistributionRegistry, versions: int) -> None:
    """Versions as builds leave them: some content each, and tags of three environments."""
    for number in range(3):
        raw.push(host, REPOSITORY, image(str(number).encode()), f"v1.0.{number}-dev")
    common = image(b"common")
    raw.push(host, REPOSITORY, common, "v0.0.0")
    names = [f"v2.{n}.0-{env}" for n in range(versions) for env in ("dev", "staging", "prod")]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda name: registry.put(common.manifest, Tag(name)), names):
            pass
