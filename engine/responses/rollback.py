"""A rollback's end, as JSON."""

from dataclasses import dataclass

from engine.domain.plan import Effect, Plan
from engine.domain.record import RollbackRecord
from engine.domain.result import Ending, Result
from engine.responses.common import (
    Document,
    ended,
    findings_document,
    synced,
    would_end,
)


@dataclass(frozen=True)
class AskedRollback:
    """What was asked for, as typed until it is understood: answers name it even when it is not."""

    version: str
    environment: str
    reason: str
    dry_run: bool
    trace_id: str

    @property
    def stated_reason(self) -> str | None:
        """The reason; None for a dry run without one, which leaves no record."""
        return None if self.dry_run and not self.reason else self.reason


def blank(asked: AskedRollback) -> Document:
    """Nothing known but what was asked for."""
    return {
        "success": False,
        "outcome": Ending.FAILED.value,
        "rollback_id": None,
        "change_id": None,
        "artifact_digest": None,
        "artifact_tag": None,
        "environment": asked.environment,
        "version": asked.version,
        "previous_version": None,
        "previous_digest": None,
        "reason": asked.reason,
        "operator": None,
        "authorized_via": None,
        "impact_analysis": None,
        "approvals_missing": 0,
        "findings": [],
        "signature": None,
        "tags": [],
        "registry_sync": [],
        "warnings": [],
        "rolled_back_at": None,
        "trace_id": asked.trace_id,
        "dry_run": asked.dry_run,
        "error": None,
    }


def rolled_back_document(asked: AskedRollback, result: Result) -> Document:
    """A real run."""
    document = _planned(asked, result.plan) | ended(result)
    record = result.record
    if not isinstance(record, RollbackRecord):
        return document
    return document | _recorded(record) | synced(result, record.registry_sync)


def dry_run_document(asked: AskedRollback, plan: Plan) -> Document:
    nothing = plan.effect is Effect.NOTHING
    ending = Ending.UNCHANGED if nothing else Ending.ROLLED_BACK
    return _planned(asked, plan) | would_end(ending, plan)


def _planned(asked: AskedRollback, plan: Plan) -> Document:
    previous = plan.previous
    return blank(asked) | {
        "artifact_digest": str(plan.manifest.digest) if plan.manifest else None,
        "artifact_tag": next((str(w.tag) for w in plan.writes if w.immutable), None),
        "previous_version": previous.version if previous else None,
        "previous_digest": previous.digest if previous else None,
        "operator": plan.request.operator.name,
        "authorized_via": plan.authorized_via or None,
        "approvals_missing": plan.approvals_missing,
        "impact_analysis": plan.impact.model_dump(mode="json") if plan.impact else None,
        "findings": findings_document(plan),
        "signature": plan.signature.model_dump(mode="json"),
        "tags": [str(write.tag) for write in plan.writes],
    }


def _recorded(record: RollbackRecord) -> Document:
    fields = record.model_dump(mode="json")
    names = (
        "rollback_id",
        "artifact_tag",
        "previous_version",
        "previous_digest",
        "reason",
        "operator",
        "impact_analysis",
        "rolled_back_at",
    )
    return {name: fields[name] for name in names}
