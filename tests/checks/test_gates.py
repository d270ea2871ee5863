"""The result of every gate is a finding; a dry run lists the gates instead."""

import pytest

from engine.checks.gates import gates, listed_gates, policy_compliance
from engine.domain.environment import Environment
from engine.domain.errors import GateFailedError, PromotionError
from engine.domain.finding import Outcome
from engine.domain.gate import Gate, GateKind, GateResult, GateStatus
from engine.domain.request import PromotionRequest
from tests.checks.contexts import ALICE, TRACE, V1, judge, judge_once
from tests.scenarios.engines import path_of

REQUEST = PromotionRequest(V1, "dev", "staging", ALICE, TRACE)


def result(status: GateStatus, error: str | None = None, kind: str = "tests") -> GateResult:
    return GateResult(gate=GateKind(kind), status=status, duration_ms=1260, error=error)


@pytest.mark.requirement("FR-010")
@pytest.mark.parametrize(
    ("status", "error", "outcome", "reason", "raised"),
    [
        (GateStatus.PASSED, None, Outcome.PASSED, "passed in 1.3 s", None),
        (GateStatus.WARNING, "2 MEDIUM", Outcome.WARNED, "2 MEDIUM", None),
        (GateStatus.WARNING, None, Outcome.WARNED, "passed with a warning", None),
        (GateStatus.SKIPPED, "no report", Outcome.SKIPPED, "no report", None),
        (GateStatus.SKIPPED, None, Outcome.SKIPPED, "not run", None),
        (
            GateStatus.FAILED,
            "exit status 1",
            Outcome.BLOCKED,
            "Gate 'tests' failed: exit status 1",
            GateFailedError,
        ),
    ],
)
def test_result_of_a_gate_becomes_its_finding(
    status: GateStatus,
    error: str | None,
    outcome: Outcome,
    reason: str,
    raised: type[PromotionError] | None,
) -> None:
    (found,) = judge(gates, REQUEST, gate_results=(result(status, error),))

    assert (found.check, found.outcome, found.reason, found.error) == (
        "tests",
        outcome,
        reason,
        raised,
    )
    assert found.details == ({"gate": "tests"} if raised else {})


def test_every_gate_has_a_finding_in_order() -> None:
    results = (
        result(GateStatus.FAILED, "3 CRITICAL", "security_scan"),
        result(GateStatus.PASSED),
    )

    found = judge(gates, REQUEST, gate_results=results)

    assert [each.check for each in found] == ["security_scan", "tests"]


@pytest.mark.requirement("FR-006")
def test_policy_compliance_is_judged_like_a_gate() -> None:
    compliance = result(GateStatus.FAILED, "no layers", "policy_compliance")

    found = judge_once(policy_compliance, REQUEST, compliance=compliance)

    assert found.error is GateFailedError
    assert found.reason == "Gate 'policy_compliance' failed: no layers"


def test_dry_run_lists_each_gate_with_its_usual_duration() -> None:
    staging = Environment(
        "staging",
        gates=(Gate(GateKind.TESTS, ("true",), 60), Gate(GateKind.COST_ANALYSIS, ("true",), 30)),
    )

    found = judge(
        listed_gates,
        REQUEST,
        path_of("dev", staging),
        usual_seconds={GateKind.TESTS: 2.5},
    )

    assert [(each.check, each.outcome, each.reason) for each in found] == [
        (
            "tests",
            Outcome.SKIPPED,
            "not run in a dry run; usually takes 2.5 s, at most 60 s",
        ),
        ("cost_analysis", Outcome.SKIPPED, "not run in a dry run; at most 30 s"),
    ]
