"""The network cost of a promotion: requests, and waves of requests that wait for others."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.result import Ending
from tests.builders import image
from tests.peers.fake_http import Reply, Request
from tests.peers.fake_registry import Behaviour, FakeRegistry
from tests.scenarios.engines import engine_on, promote

REPOSITORY = "acme/platform"
FALLBACK = Behaviour()
API = Behaviour(referrers_api=True, sends_oci_subject=True)
# How long each attempt lets an answer take. A busy machine can only delay a request into a later
# wave, so the last attempt counts.
_ATTEMPTS = (0.06, 0.12, 0.25, 0.5, 1.0)


@dataclass
class Waves:
    """Counts waves: a request belongs to the wave after the last answer before it."""

    seconds: float
    answered: list[tuple[float, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return max((wave for _, wave in self.answered), default=0)

    def arrive(self) -> None:
        now = time.monotonic()
        wave = 1 + max((wave for end, wave in self.answered if end <= now), default=0)
        self.answered.append((now + self.seconds, wave))


class SlowRegistry(FakeRegistry):
    """Answers every request after the same delay, so simultaneous requests overlap."""

    waves: Waves | None = None

    def respond(self, request: Request) -> Reply:
        if self.waves is None:
            return super().respond(request)
        self.waves.arrive()
        return replace(super().respond(request), delay_seconds=self.waves.seconds)


Opener = Callable[..., DistributionRegistry]


@dataclass(frozen=True)
class Cost:
    """The requests and waves of one promotion, and the wave in which `latest` moves."""

    requests: int
    waves: int
    latest: int


def cost(
    behaviour: Behaviour,
    source: str,
    opened: Opener,
    folder: Path,
    seconds: float,
    *,
    remembers: bool = False,
) -> Cost:
    """
    Measure one promotion from `source` on its way to the same target as an earlier one.

    Each answer takes `seconds`. A process that `remembers` did the earlier promotions too.
    """
    with SlowRegistry(behaviour) as fake:
        folder.mkdir()
        path = ["dev", "staging", "prod"]
        target = path[path.index(source) + 1]
        first = opened(fake.host)
        for version, last in (("v1.0.0", target), ("v1.1.0", source)):
            fake.hold(REPOSITORY, image(version.encode()), version)
            for environment in path[: path.index(last) + 1]:
                with engine_on(first, folder) as engine:
                    promote(engine, version, environment)
        with engine_on(first if remembers else opened(fake.host), folder) as engine:
            if remembers:
                assert engine.status()
            fake.requests.clear()
            fake.waves = Waves(seconds)
            result = promote(engine, "v1.1.0", target)
        assert result.outcome is Ending.PROMOTED
        paths = [(request.method, request.path.rpartition("/")[2]) for request in fake.requests]
        moved = fake.waves.answered[paths.index(("PUT", f"latest-{target}"))][1]
        return Cost(len(fake.requests), fake.waves.count, moved)


# docs/performance.md explains each request. A process that does not know the end of the target's
# ledger looks for a newer entry in a wave of its own.
@pytest.mark.parametrize("remembers", [False, True], ids=["command", "server"])
@pytest.mark.parametrize(
    ("behaviour", "source", "most"),
    [(FALLBACK, "dev", 19), (FALLBACK, "staging", 19), (API, "dev", 16), (API, "staging", 16)],
    ids=["fallback", "fallback, later", "api", "api, later"],
)
def test_promotion_takes_few_requests_in_few_waves(
    behaviour: Behaviour, source: str, most: int, opened: Opener, tmp_path: Path, remembers: bool
) -> None:
    more = 0 if remembers else 1
    costs: list[Cost] = []

    for seconds in _ATTEMPTS:
        folder = tmp_path / str(seconds)
        costs.append(cost(behaviour, source, opened, folder, seconds, remembers=remembers))
        if costs[-1].waves <= 7 + more and costs[-1].latest <= 5 + more:
            break

    assert max(each.requests for each in costs) <= most + more
    assert costs[-1].waves <= 7 + more
    assert costs[-1].latest <= 5 + more
