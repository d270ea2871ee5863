"""Checks declare their facts, and read nothing themselves."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.checks.check import Check
from engine.context.context import Context, Sources
from engine.domain.artifact import Version
from engine.domain.environment import Authorization, Environment
from engine.domain.gate import GateKind
from engine.domain.request import (
    LockRequest,
    PromotionRequest,
    Request,
    RollbackRequest,
    UnlockRequest,
)
from engine.operations import OPERATIONS
from engine.ports import Registry
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, engine_on, gate, path_of, promote

VERSION = Version("v1.0.0")
REQUESTS: tuple[Request, ...] = (
    PromotionRequest(VERSION, "dev", "staging", ALICE, TRACE_ID),
    PromotionRequest(VERSION, "staging", "prod", ALICE, TRACE_ID),
    RollbackRequest(VERSION, "staging", ALICE, TRACE_ID, "INC-1"),
    LockRequest("staging", ALICE, TRACE_ID, "INC-1"),
    UnlockRequest("staging", ALICE, TRACE_ID, "INC-1"),
)
PATH = path_of(
    "dev",
    Environment("staging", gates=(gate("true", kind=GateKind.COST_ANALYSIS),)),
    Environment("prod", authorization=Authorization(separation_of_duties=True)),
)
AnyCheck = Check[Any, Any]


def checks_of(request: Request) -> tuple[AnyCheck, ...]:
    operation = OPERATIONS[type(request)]
    return tuple(dict.fromkeys((*operation.policy, *operation.evidence, *operation.listed)))


CASES = [(request, check) for request in REQUESTS for check in checks_of(request)]


class Watched:
    """A registry that records the methods that are called."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> object:
        self.asked.append(name)
        return getattr(self._registry, name)


def build_only(_engine: Engine) -> None:
    """Nothing was promoted; a rollback needs at least one promotion."""


def promote_once(engine: Engine) -> None:
    promote(engine, "v1.0.0", "staging")


def promote_on(engine: Engine) -> None:
    for version, target in (("v1.0.0", "staging"), ("v1.0.0", "prod"), ("v2.0.0", "staging")):
        promote(engine, version, target)


History = Callable[[Engine], None]


@pytest.fixture(params=[build_only, promote_once, promote_on])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    layout = LayoutRegistry.create(tmp_path / "registry")
    for version in ("v1.0.0", "v2.0.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    live: History = request.param
    with engine_on(layout, tmp_path, path_of("dev", "staging", "prod")) as engine:
        live(engine)
        if live is build_only:
            oci_layout.write(tmp_path / "registry", image(b"v1.0.0"), "v1.0.0-staging")
    yield Watched(layout)


@pytest.mark.parametrize(("request_", "check"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_check_reads_only_its_declared_facts(
    watched: Watched, tmp_path: Path, request_: Request, check: AnyCheck
) -> None:
    registry = cast(Registry, watched)
    with (
        engine_on(registry, tmp_path, PATH) as engine,
        ThreadPoolExecutor(4) as pool,
    ):
        sources = Sources(registry, RegistryLedger(registry), engine.runner.gate_runner, pool)
        kind = OPERATIONS[type(request_)].context
        context: Context = kind(request_, PATH, sources, engine.runner.clock.now(), ProgressLog())
        context.fetch(check.reads)
        watched.asked.clear()

        check(request_, context)

    assert watched.asked == []
