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


def cost(
    behaviour: Behaviour, source: str, opened: Opener, folder: Path, seconds: float
) -> tuple[int, int]:
    """
    Return requests and waves of one promotion from `source`, with empty caches. Each answer takes
    `seconds`.
    """
    with SlowRegistry(behaviour) as fake:
        fake.hold(REPOSITORY, image(), "v1.0.0")
        folder.mkdir()
        path = ["dev", "staging", "prod"]
        for environment in path[: path.index(source) + 1]:
            with engine_on(opened(fake.host), folder) as engine:
                promote(engine, "v1.0.0", environment)
        fake.requests.clear()
        fake.waves = Waves(seconds)
        with engine_on(opened(fake.host), folder) as engine:
            result = promote(engine, "v1.0.0", path[path.index(source) + 1])
        assert result.outcome is Ending.PROMOTED
        return len(fake.requests), fake.waves.count


# docs/performance.md explains each request.
@pytest.mark.parametrize(
    ("behaviour", "source", "most"),
    [(FALLBACK, "dev", 17), (FALLBACK, "staging", 17), (API, "dev", 15), (API, "staging", 15)],
    ids=["fallback", "fallback, later", "api", "api, later"],
)
def test_promotion_takes_few_requests_in_few_waves(
    behaviour: Behaviour, source: str, most: int, opened: Opener, tmp_path: Path
) -> None:
    costs: list[tuple[int, int]] = []

    for seconds in _ATTEMPTS:
        costs.append(cost(behaviour, source, opened, tmp_path / str(seconds), seconds))
        if costs[-1][1] <= 7:
            break

    assert max(requests for requests, _ in costs) <= most
    assert costs[-1][1] <= 7
