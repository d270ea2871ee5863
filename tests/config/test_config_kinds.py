"""The five kinds of gates (FR-008)."""

from pathlib import Path

import pytest

from engine.domain.gate import GateKind
from tests.config.manifest_files import load, manifest, problems

PROMOTION = """\
environments:
  - name: dev
  - name: prod
    gates:
      tests: "pytest -q"
      security_scan: {command: "trivy image ${ARTIFACT_REF} --format json"}
      cost_analysis: {command: [infracost, breakdown]}
      performance_baseline: {command: k6 run load.js, timeout_seconds: 900}
"""


@pytest.mark.requirement("FR-008")
def test_every_kind_of_gate_can_be_configured(tmp_path: Path):
    text = PROMOTION.replace('tests: "pytest -q"', "tests: {command: pytest -q}")

    dev, prod = load(tmp_path, manifest(promotion=text)).path.environments

    assert dev.gates == ()
    assert {gate.kind for gate in prod.gates} == set(GateKind) - {GateKind.POLICY_COMPLIANCE}
    assert {gate.kind for gate in prod.gates if gate.security} == {GateKind.SECURITY_SCAN}


@pytest.mark.requirement("FR-008")
def test_unknown_kind_is_refused_with_a_suggestion(tmp_path: Path):
    text = PROMOTION.replace('tests: "pytest -q"', "test: true")

    found = problems(tmp_path, manifest(promotion=text))

    assert any("gates.test: unknown; did you mean tests?" in problem for problem in found)
