"""What all JSON answers have in common."""

from typing import Any

from engine.domain.errors import PromotionError
from engine.domain.plan import Plan
from engine.domain.record import RegistrySync
from engine.domain.result import Ending, Result

Document = dict[str, Any]


def error_document(error: PromotionError) -> Document:
    """The `error` of every JSON answer (FR-034)."""
    return {
        "type": error.kind,
        "reason_code": error.reason_code,
        "message": str(error),
        "exit_code": error.exit_code,
        "details": error.details,
    }


def ended(result: Result) -> Document:
    """How a real run ended."""
    return _end(result.outcome, result.warnings, result.error)


def would_end(ending: Ending, plan: Plan) -> Document:
    """How a run of `plan` would end, with `ending` where nothing blocks."""
    return _end(Ending.BLOCKED if plan.error else ending, plan.warnings, plan.error)


def synced(result: Result, recorded: tuple[RegistrySync, ...]) -> Document:
    """How the secondaries ended up: in this run, else as the record says."""
    outcomes = result.registry_sync or recorded
    return {"registry_sync": [each.model_dump(mode="json") for each in outcomes]}


def findings_document(plan: Plan) -> list[Document]:
    return [
        {"check": found.check, "outcome": found.outcome.value, "reason": found.reason}
        for found in plan.findings
    ]


def _end(outcome: Ending, warnings: tuple[str, ...], error: PromotionError | None) -> Document:
    return {
        "success": error is None,
        "outcome": outcome.value,
        "warnings": list(warnings),
        "error": error_document(error) if error else None,
    }
