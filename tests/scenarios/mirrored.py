"""An engine with secondary registries."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.store import SqlOutcomes, state_database
from engine.api import Engine
from engine.domain.path import PromotionPath
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.result import Result
from engine.ports import Registry
from engine.ports.secondary import Mirror
from engine.secondaries import MirroredSecondaries
from tests.scenarios.engines import DEFAULT_PATH, engine_on, with_parts
from tests.secondaries.mirrors import mirror_to

Target = DistributionRegistry | Path


@contextmanager
def mirrored_engine(
    registry: Registry, folder: Path, *targets: Target, path: PromotionPath = DEFAULT_PATH
) -> Iterator[Engine]:
    """An engine on `registry` with the secondaries `targets`."""
    with engine_on(registry, folder, path) as engine:
        yield with_mirrors(engine, folder, *(mirror_to(registry, target) for target in targets))


def with_mirrors(engine: Engine, folder: Path, *mirrors: Mirror) -> Engine:
    outcomes = SqlOutcomes(state_database(folder), engine.runner.registry.reference)
    secondaries = MirroredSecondaries(
        mirrors, engine.runner.registry, engine.runner.ledger, engine.runner.leases, outcomes
    )
    return with_parts(engine, secondaries=secondaries)


def outcomes(result: Result) -> list[tuple[str, str]]:
    """Return registry and status of each secondary in the result."""
    return [(each.registry, each.status) for each in result.registry_sync]


def recorded(result: Result) -> list[tuple[str, str]]:
    """Return registry and status of each secondary in the record."""
    assert isinstance(result.record, PromotionRecord | RollbackRecord)
    return [(each.registry, each.status) for each in result.record.registry_sync]
