"""The policies of an environment are a gate that always runs (FR-010)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.adapters.policy import compile_policies
from engine.api import Engine
from engine.config.plugins import Policy
from engine.domain.artifact import Tag
from engine.domain.errors import GateFailedError
from engine.domain.gate import GateKind, GateStatus
from engine.domain.plan import GateMode
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import ProgressLog, engine_on, promote, promotion, with_parts

pytestmark = pytest.mark.requirement("FR-010")
SOURCE = "'org.opencontainers.image.source' in artifact.annotations"


def policy(rule: str, severity: str = "error", name: str = "has-source") -> Policy:
    return Policy(name=name, rule=rule, message="say where it comes from", severity=severity)


@contextmanager
def engine_with(place: Place, folder: Path, *policies: Policy) -> Iterator[Engine]:
    with engine_on(place.registry, folder) as engine:
        yield with_parts(engine, enforcer=compile_policies(policies))


@pytest.mark.parametrize("mode", [GateMode.RUN, GateMode.LIST])
def test_failed_policy_blocks_a_dry_run_like_a_real_run(place, tmp_path, mode):
    place.push(image(b"one"), "v1.0.0-dev")

    with engine_with(place, tmp_path, policy(SOURCE)) as engine:
        plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog(), mode)

    assert isinstance(plan.error, GateFailedError)
    assert "has-source: say where it comes from" in str(plan.error)
    [compliance] = [g for g in plan.gate_results if g.gate is GateKind.POLICY_COMPLIANCE]
    assert compliance.status is GateStatus.FAILED


def test_artifact_that_passes_the_policies_is_promoted(place, tmp_path):
    source = {"org.opencontainers.image.source": "https://git.example.com/acme"}
    place.push(image(b"one", annotations=source), "v1.0.0-dev")

    with engine_with(place, tmp_path, policy(SOURCE)) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.error is None
    assert result.record.gate_results[0].status is GateStatus.PASSED


def test_policy_warning_is_shown_and_recorded(place, tmp_path):
    place.push(image(b"one"), "v1.0.0-dev")

    with engine_with(place, tmp_path, policy(SOURCE, "warning")) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.error is None
    assert result.warnings == ("has-source: say where it comes from",)
    assert result.record.gate_results[0].status is GateStatus.WARNING


def test_policy_can_use_source_and_target(place, tmp_path):
    place.push(image(b"one"), "v1.0.0-dev")
    rule = "version == 'v1.0.0' && source == 'dev' && target == 'staging'"

    with engine_with(place, tmp_path, policy(rule)) as engine:
        assert promote(engine, "v1.0.0", "staging").error is None


def test_policy_that_cannot_be_evaluated_blocks_at_any_severity(place, tmp_path):
    place.push(image(b"one"), "v1.0.0-dev")

    with engine_with(place, tmp_path, policy("artifact.config.nothing == 1", "warning")) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.error, GateFailedError)
    assert engine.runner.registry.resolve(Tag("v1.0.0-staging")) is None


def test_baseline_rules_apply_without_policies(place, tmp_path):
    compiled = "application/vnd.floe.compiled-artifacts.v1+json"
    content = b'{"enforcement_result": {"passed": false}}'
    place.push(image(content, layer_type=compiled), "v1.0.0-dev")

    with engine_on(place.registry, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.error, GateFailedError)
    assert "enforcement_result.passed" in str(result.error)
