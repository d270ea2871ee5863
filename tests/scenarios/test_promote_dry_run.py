"""A dry run makes the same plan with the same result, and writes nothing."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.environment import Environment, FixedLock
from engine.domain.gate import GateKind
from engine.domain.plan import GateMode, Plan
from engine.domain.result import Ending
from tests.builders import image
from tests.peers.fake_http import WRITES
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import ProgressLog, engine_on, gate, path_of, promote, promotion

REPOSITORY = "acme/platform"


@pytest.fixture
def engine(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> Iterator[Engine]:
    """Staging has gates that leave a file behind, prod is locked."""
    checks = (
        gate(sys.executable, "-c", "open('tests ran', 'w')"),
        gate(sys.executable, "-c", "raise SystemExit(1)", kind=GateKind.COST_ANALYSIS),
    )
    path = path_of(
        "dev",
        Environment("staging", gates=checks),
        Environment("prod", fixed_lock=FixedLock("freeze", "sre@acme.com")),
    )
    for version in ("v1.0.0", "v2.0.0"):
        fake.hold(REPOSITORY, image(version.encode()), version)
    with engine_on(opened(fake.host), tmp_path, path) as built:
        promote(built, "v1.0.0", "dev")
        fake.requests.clear()
        yield built


def dry_run(engine: Engine, version: str, target: str, mode: GateMode = GateMode.LIST) -> Plan:
    return engine.plan(promotion(engine, version, target), ProgressLog(), mode)


def writes(fake: FakeRegistry) -> list[str]:
    assert fake.requests
    return [str(request) for request in fake.requests if request.method in WRITES]


@pytest.mark.requirement("FR-007")
@pytest.mark.parametrize("mode", GateMode)
@pytest.mark.parametrize(
    ("version", "target"), [("v1.0.0", "dev"), ("v2.0.0", "dev"), ("v1.0.0", "staging")]
)
def test_dry_run_only_reads(
    engine: Engine, fake: FakeRegistry, version: str, target: str, mode: GateMode
) -> None:
    dry_run(engine, version, target, mode)

    assert writes(fake) == []


@pytest.mark.requirement("FR-007")
@pytest.mark.parametrize(
    ("version", "target", "outcome"),
    [
        ("v1.0.0", "dev", Ending.UNCHANGED),
        ("v2.0.0", "dev", Ending.PROMOTED),
        ("v1.0.0", "prod", Ending.BLOCKED),
    ],
)
def test_dry_run_ends_as_the_real_run_will(
    engine: Engine, fake: FakeRegistry, version: str, target: str, outcome: Ending
) -> None:
    fake.hold(REPOSITORY, image(b"v1.0.0"), "v1.0.0-staging")

    plan = dry_run(engine, version, target)
    result = promote(engine, version, target)

    assert result.outcome is outcome
    assert repr(plan.error) == repr(result.error)
    assert [f.reason for f in plan.policy] == [f.reason for f in result.plan.policy]
    assert [(w.tag, w.digest) for w in plan.writes] == [
        (w.tag, w.digest) for w in result.plan.writes
    ]


@pytest.mark.requirement("FR-007")
def test_command_gates_are_listed_and_not_run(engine: Engine, tmp_path: Path) -> None:
    plan = dry_run(engine, "v1.0.0", "staging")

    assert plan.error is None
    listed = {f.check: f.outcome.value for f in plan.evidence}
    assert (listed["tests"], listed["cost_analysis"]) == ("skipped", "skipped")
    assert listed["policy_compliance"] == "passed"
    assert [g.status.value for g in plan.gate_results] == ["passed", "skipped", "skipped"]
    assert not (tmp_path / "tests ran").exists()


@pytest.mark.requirement("FR-007")
def test_command_gates_run_on_request(engine: Engine, tmp_path: Path) -> None:
    plan = dry_run(engine, "v1.0.0", "staging", GateMode.RUN)

    assert plan.error is not None
    assert plan.error.exit_code == 8
    assert [g.status.value for g in plan.gate_results] == ["passed", "passed", "failed"]
    assert (tmp_path / "tests ran").exists()


@pytest.mark.requirement("FR-007")
def test_every_blocker_is_listed_at_once(engine: Engine, fake: FakeRegistry) -> None:
    fake.hold(REPOSITORY, image(b"v1.0.0"), "v1.0.0-staging")
    fake.hold(REPOSITORY, image(b"other"), "v1.0.0-prod")

    plan = dry_run(engine, "v1.0.0", "prod")

    assert [finding.check for finding in plan.blockers] == [
        "promoted before",
        "lock",
        "immutability",
    ]
    assert plan.error is not None
    assert plan.error.exit_code == 11
    assert plan.writes == ()
