"""An engine on a registry with scripted failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.api import Engine
from engine.domain.path import PromotionPath
from engine.ports import Clock
from tests.conftest import Place
from tests.peers.fake_registry import FakeRegistry, Repository
from tests.scenarios.engines import DEFAULT_PATH, engine_on

REPOSITORY = "acme/platform"
SOON = (0.01, 0.02, 0.04)


@dataclass(frozen=True)
class Shaky:
    """`fake` scripts the registry that `engine` and pushes into `place` use."""

    fake: FakeRegistry
    place: Place
    engine: Engine

    @property
    def content(self) -> Repository:
        return self.fake.repository(REPOSITORY)


@contextmanager
def shaky_engine(
    fake: FakeRegistry,
    folder: Path,
    path: PromotionPath = DEFAULT_PATH,
    clock: Clock | None = None,
) -> Iterator[Shaky]:
    """Retry quickly, so that a test of many failures does not take minutes."""
    registry = open_registry(
        fake.host,
        REPOSITORY,
        credentials=anonymous,
        scheme="http",
        pauses=SOON,
    )
    place = Place(registry, lambda pushed, tag: fake.hold(REPOSITORY, pushed, tag))
    try:
        with engine_on(registry, folder, path, clock=clock) as engine:
            yield Shaky(fake, place, engine)
    finally:
        registry.close()
