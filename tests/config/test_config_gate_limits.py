"""The limits of a gate: each is taken from the nearest setting."""

from pathlib import Path

import pytest

from engine.domain.gate import GateLimits
from tests.config.manifest_files import load, manifest, problems

NEAREST_FIRST = (
    ("limits: {processes: 31}", "gate_limits: {memory_mb: 132}", "limits: {memory_mb: 133}", ""),
    ("", "gate_limits: {processes: 32}", "limits: {processes: 33, memory_mb: 133}", ""),
    ("", "", "limits: {processes: 33}", "limits: {processes: 34, memory_mb: 134}"),
    ("", "", "", "limits: {processes: 34}"),
    ("", "", "", ""),
)
EXPECTED = (
    GateLimits(31, 132),
    GateLimits(32, 133),
    GateLimits(33, 134),
    GateLimits(34, None),
    GateLimits(None, None),
)


def gate(content: str) -> str:
    return f"{{tests: {{{content}}}}}" if content else "{tests: true}"


@pytest.mark.parametrize(("written", "limits"), list(zip(NEAREST_FIRST, EXPECTED, strict=True)))
def test_nearest_limits_of_a_gate_win(
    tmp_path: Path, written: tuple[str, str, str, str], limits: GateLimits
) -> None:
    own, environment, default, shared = written
    text = f"""
    environments: [{{name: prod, gates: {gate(own)}, {environment}}}]
    gates: {gate(default)}
    gate_commands: {{tests: {{command: pytest, {shared}}}}}
    gate_limits: {{processes: 500, memory_mb: 2048}}
    """

    config = load(tmp_path, manifest(promotion=text))

    [read] = config.path.environments[0].gates
    assert read.limits == limits
    assert (config.gate_limits.processes, config.gate_limits.memory_mb) == (500, 2048)


def test_a_limit_out_of_bounds_is_refused(tmp_path: Path) -> None:
    text = "environments: [{name: prod, gates: {tests: {command: x, limits: {processes: 1}}}}]"

    [found] = problems(tmp_path, manifest(promotion=text))

    place = "artifacts.promotion.environments[0].gates.tests.limits.processes"
    assert found == f"{place}: must be at least 16"
