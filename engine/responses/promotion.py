"""A promotion's end, as JSON."""

from dataclasses import dataclass

from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.plan import Effect, Plan
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending, Result
from engine.responses.common import (
    Document,
    ended,
    findings_document,
    synced,
    would_end,
)


@dataclass(frozen=True)
class Asked:
    """What was asked for, as typed until it is understood: answers name it even when it is not."""

    version: str
    source: str | None
    target: str
    dry_run: bool
    trace_id: str
    overrides: Overrides = NO_OVERRIDES


def blank(asked: Asked) -> Document:
    """Nothing known but what was asked for."""
    return {
        "success": False,
        "outcome": Ending.FAILED.value,
        "promotion_id": None,
        "change_id": None,
        "artifact_digest": None,
        "artifact_tag": None,
        "version": asked.version,
        "source_environment": asked.source,
        "target_environment": asked.target,
        "findings": [],
        "gate_results": [],
        "signature": None,
        "operator": None,
        "authorized_via": None,
        "overrides": [],
        "impact_analysis": None,
        "approvals_missing": 0,
        "tags": [],
        "registry_sync": [],
        "warnings": [],
        "promoted_at": None,
        "trace_id": asked.trace_id,
        "dry_run": asked.dry_run,
        "error": None,
    }


def promoted_document(asked: Asked, result: Result) -> Document:
    """A real run."""
    document = _planned(asked, result.plan) | ended(result)
    record = result.record
    if not isinstance(record, PromotionRecord):
        return document
    return document | _recorded(record) | synced(result, record.registry_sync)


def dry_run_document(asked: Asked, plan: Plan) -> Document:
    settled = plan.effect is Effect.NOTHING and not plan.error
    ending = Ending.UNCHANGED if settled else Ending.PROMOTED
    return _planned(asked, plan) | would_end(ending, plan)


def _planned(asked: Asked, plan: Plan) -> Document:
    return blank(asked) | {
        "artifact_digest": str(plan.manifest.digest) if plan.manifest else None,
        "artifact_tag": next((str(w.tag) for w in plan.writes if w.immutable), None),
        "findings": findings_document(plan),
        "gate_results": [gate.model_dump(mode="json") for gate in plan.gate_results],
        "signature": plan.signature.model_dump(mode="json"),
        "operator": plan.request.operator.name,
        "authorized_via": plan.authorized_via or None,
        "overrides": [each.model_dump() for each in plan.overrides],
        "impact_analysis": plan.impact.model_dump(mode="json") if plan.impact else None,
        "approvals_missing": plan.approvals_missing,
        "tags": [str(write.tag) for write in plan.writes],
    }


def _recorded(record: PromotionRecord) -> Document:
    fields = record.model_dump(mode="json")
    names = (
        "promotion_id",
        "artifact_tag",
        "promoted_at",
        "gate_results",
        "overrides",
        "impact_analysis",
    )
    return {name: fields[name] for name in names}
