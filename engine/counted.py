"""What the engine counts of its own work, for whoever watches (spec 17)."""

from engine.domain.gate import GateStatus
from engine.domain.plan import Plan
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.domain.result import Result
from engine.telemetry import GATE_SECONDS, PROMOTIONS, ROLLBACKS, Metrics

_COUNTED = {PromotionRequest: PROMOTIONS, RollbackRequest: ROLLBACKS}


def counted(metrics: Metrics, result: Result) -> Result:
    """`result`, once it is counted by its outcome; locks are not."""
    request = result.plan.request
    name = _COUNTED.get(type(request))
    if name:
        metrics.count(name, environment=request.target, outcome=result.outcome.value)
    return result


def time_gates(metrics: Metrics, plan: Plan) -> None:
    """How long each gate of `plan` took that ran."""
    for gate in plan.gate_results:
        if gate.status is not GateStatus.SKIPPED:
            labels = {"gate": gate.gate.value, "status": gate.status.value}
            metrics.observe(GATE_SECONDS, gate.duration_ms / 1000, **labels)
