"""The end of a lock, an unlock or a restore, as JSON."""

from dataclasses import dataclass
from typing import Literal

from engine.domain.record import LockRecord, RestoreRecord, UnlockRecord
from engine.domain.result import Ending, Result
from engine.responses.common import Document, ended, findings_document

_OWN: dict[str, tuple[str, ...]] = {
    "lock": ("lock_id", "locked_at", "expires_at"),
    "unlock": ("unlock_id", "locked_by", "locked_reason", "authorized_via", "unlocked_at"),
    "restore": (
        "restore_id",
        "version",
        "artifact_digest",
        "previous_version",
        "previous_digest",
        "authorized_via",
        "restored_at",
    ),
}


@dataclass(frozen=True)
class AskedFreeze:
    """What was asked for, as typed until it is understood: answers name it even when it is not."""

    verb: Literal["lock", "unlock", "restore"]
    environment: str
    reason: str
    trace_id: str


def blank(asked: AskedFreeze) -> Document:
    """Nothing known but what was asked for."""
    return {
        "success": False,
        "outcome": Ending.FAILED.value,
        "environment": asked.environment,
        "reason": asked.reason,
        "operator": None,
        **dict.fromkeys(_OWN[asked.verb]),
        "findings": [],
        "warnings": [],
        "trace_id": asked.trace_id,
        "error": None,
    }


def freeze_document(asked: AskedFreeze, result: Result) -> Document:
    plan, record = result.plan, result.record
    document = blank(asked) | ended(result)
    document |= {"operator": plan.request.operator.name, "findings": findings_document(plan)}
    if isinstance(record, LockRecord | UnlockRecord | RestoreRecord):
        fields = record.model_dump(mode="json")
        document |= {name: fields[name] for name in ("reason", "operator", *_OWN[asked.verb])}
    return document
