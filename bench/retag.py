"""The time of a retag and of a whole promotion, against `skopeo copy` of the tag."""

from collections.abc import Iterator

from bench.platform import REPOSITORY, opened, registry_host, seconds, skopeo_copy
from engine.adapters.registry.distribution import DistributionRegistry
from engine.domain.artifact import Tag
from tests.builders import image
from tests.peers import raw
from tests.scenarios.engines import engine_on, promote

TIMES = 15


def lines() -> Iterator[str]:
    with registry_host() as (host, folder), opened(host) as registry:
        for number in range(TIMES):
            raw.push(host, REPOSITORY, image(str(number).encode()), f"v1.0.{number}-dev")
        copy = seconds(lambda n: skopeo_copy(host, f"v1.0.{n}-dev", f"copied-{n}"), TIMES)
        retag = seconds(lambda n: _retag(registry, n), TIMES)
        with engine_on(registry, folder) as engine:
            whole = seconds(lambda n: promote(engine, f"v1.0.{n}", "staging"), TIMES)
    yield f"retag: {retag / copy:.2f} x the time of skopeo copy"
    yield f"promotion, record and checks included: {whole / copy:.2f} x the time of skopeo copy"


def _retag(registry: DistributionRegistry, number: int) -> None:
    manifest = registry.fetch(Tag(f"v1.0.{number}-dev"))
    assert manifest is not None
    registry.put(manifest, Tag(f"retagged-{number}"))
