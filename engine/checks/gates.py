"""The target's gates accept the artifact (FR-006, FR-010)."""

from engine.checks.check import reads
from engine.context.promotion import PromotionContext
from engine.domain.errors import GateFailedError
from engine.domain.finding import Finding, blocked, passed, skipped, warned
from engine.domain.gate import Gate, GateResult, GateStatus
from engine.domain.request import PromotionRequest


@reads(PromotionContext.compliance)
def policy_compliance(_request: PromotionRequest, context: PromotionContext) -> Finding:
    """Judge the baseline rules and policies; always on, in dry runs too."""
    return _finding(context.compliance)


@reads(PromotionContext.gate_results)
def gates(_request: PromotionRequest, context: PromotionContext) -> tuple[Finding, ...]:
    """Turn the results of the command gates into findings."""
    return tuple(_finding(result) for result in context.gate_results)


@reads(PromotionContext.usual_seconds, name="gates")
def listed_gates(_request: PromotionRequest, context: PromotionContext) -> tuple[Finding, ...]:
    """List the command gates of a dry run, each with its usual duration."""
    return tuple(
        _list_gate(gate, context.usual_seconds.get(gate.kind)) for gate in context.target.gates
    )


def _finding(result: GateResult) -> Finding:
    name = result.gate.value
    match result.status:
        case GateStatus.PASSED:
            return passed(name, f"passed in {result.duration_ms / 1000:.1f} s")
        case GateStatus.WARNING:
            return warned(name, result.error or "passed with a warning")
        case GateStatus.SKIPPED:
            return skipped(name, result.error or "not run")
        case GateStatus.FAILED:
            reason = f"Gate '{name}' failed: {result.error}"
            return blocked(name, reason, GateFailedError, {"gate": name})


def _list_gate(gate: Gate, usual_seconds: float | None) -> Finding:
    usual = "" if usual_seconds is None else f"usually takes {usual_seconds:.1f} s, "
    most = f"at most {gate.timeout_seconds} s"
    return skipped(gate.kind.value, f"not run in a dry run; {usual}{most}")
