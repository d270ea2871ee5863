"""Schemas of the API's documents: what a reader may rely on; more fields may come."""

from typing import Any

from engine.domain.result import Ending
from engine.responses.common import Document

_TEXT: Document = {"type": "string"}
_MAYBE: Document = {"type": ["string", "null"]}
_YES_NO: Document = {"type": "boolean"}
# Null where the environment cannot be read.
_KNOWN: Document = {"type": ["boolean", "null"]}
_NUMBER: Document = {"type": "integer"}
_ANYTHING: Document = {"type": "object"}


def _object(**properties: Document) -> Document:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(of: Document) -> Document:
    return {"type": "array", "items": of}


def _named(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


_OUTCOME: Document = {"type": "string", "enum": [*Ending, "rejected", "cancelled"]}
_ERROR: Document = {"oneOf": [{"type": "null"}, _named("Error")]}
_ANSWER: dict[str, Document] = {"success": _YES_NO, "outcome": _OUTCOME, "error": _ERROR}

_FINDINGS = _list(_object(check=_TEXT, outcome=_TEXT, reason=_TEXT))

SCHEMAS: dict[str, Document] = {
    "Error": _object(
        type=_TEXT, reason_code=_TEXT, message=_TEXT, exit_code=_NUMBER, details=_ANYTHING
    ),
    "Failure": _object(success=_YES_NO, error=_ERROR),
    "Status": _object(
        environment=_TEXT,
        version=_MAYBE,
        digest=_MAYBE,
        operator=_MAYBE,
        since=_MAYBE,
        latest_digest=_MAYBE,
        alignment=_TEXT,
        drift=_KNOWN,
        drifted=_KNOWN,
        deployed_version=_MAYBE,
        deployed_digest=_MAYBE,
        published_version=_MAYBE,
        expected_version=_MAYBE,
        expected_digest=_MAYBE,
        locked=_KNOWN,
        lock={"type": ["object", "null"]},
        pending=_list(_named("Change")),
        error=_ERROR,
    ),
    "Statuses": _list(_named("Status")),
    "Record": _object(
        environment=_TEXT, sequence=_NUMBER, record_digest=_TEXT, kind=_TEXT, operator=_TEXT
    ),
    "History": _object(
        success=_YES_NO,
        records=_list(_named("Record")),
        next=_MAYBE,
        unread=_ANYTHING,
        trace_id=_TEXT,
        error={"type": "null"},
    ),
    "Versions": _list(
        _object(
            version=_TEXT,
            environments=_list(_object(environment=_TEXT, state=_TEXT, change_id=_MAYBE)),
        )
    ),
    "Change": _object(
        **_ANSWER,
        change_id=_TEXT,
        action=_TEXT,
        version=_TEXT,
        target=_TEXT,
        state=_TEXT,
        required=_NUMBER,
        approvals=_list(_ANYTHING),
        missing_approvals=_NUMBER,
        findings=_FINDINGS,
        gate_results=_list(_ANYTHING),
        trace_id=_TEXT,
    ),
    "Changes": _list(_named("Change")),
    "Audit": _object(
        success=_YES_NO,
        environments=_list(
            _object(
                environment=_TEXT,
                entries=_NUMBER,
                head=_MAYBE,
                problems=_list(_ANYTHING),
                notes=_list(_ANYTHING),
            )
        ),
        trace_id=_TEXT,
        error={"type": "null"},
    ),
    "PromotionAnswer": _object(
        **_ANSWER,
        promotion_id=_MAYBE,
        change_id=_MAYBE,
        artifact_digest=_MAYBE,
        version=_TEXT,
        target_environment=_TEXT,
        findings=_FINDINGS,
        gate_results=_list(_ANYTHING),
        trace_id=_TEXT,
        dry_run=_YES_NO,
    ),
    "RollbackAnswer": _object(
        **_ANSWER,
        rollback_id=_MAYBE,
        change_id=_MAYBE,
        artifact_digest=_MAYBE,
        version=_TEXT,
        environment=_TEXT,
        findings=_FINDINGS,
        trace_id=_TEXT,
        dry_run=_YES_NO,
    ),
    "Signature": _object(
        success=_YES_NO,
        artifact_tag=_TEXT,
        artifact_digest=_TEXT,
        signature=_ANYTHING,
        trace_id=_TEXT,
        error=_ERROR,
    ),
    "Webhooks": _object(
        success=_YES_NO,
        waiting=_NUMBER,
        redelivered=_list(_TEXT),
        failed=_list(_ANYTHING),
        trace_id=_TEXT,
        error=_ERROR,
    ),
    "Sync": _object(
        success=_YES_NO, registries=_list(_ANYTHING), relisted=_NUMBER, trace_id=_TEXT, error=_ERROR
    ),
    "Freeze": _object(**_ANSWER, environment=_TEXT, reason=_TEXT, trace_id=_TEXT),
}


def _body(required: tuple[str, ...], **properties: Any) -> Document:
    text = {"type": "string", "maxLength": 4000}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {name: text | extra for name, extra in properties.items()},
    }


_DRY: Document = {"type": "boolean", "default": False}
BODIES: dict[str, Document] = {
    "Promotion": _body(
        ("version", "to"),
        version={"examples": ["v1.2.3"]},
        to={"examples": ["staging"]},
        **{"from": {"type": ["string", "null"], "examples": ["dev"]}},
    ),
    "Rollback": _body(
        ("version", "environment"),
        version={},
        environment={},
        reason={"description": "required, except in a dry run"},
    ),
    "Reason": _body(("reason",), reason={}),
    "Lock": _body(
        ("reason",), reason={}, **{"for": {"type": ["string", "null"], "examples": ["2h"]}}
    ),
}
BODIES["Redelivery"] = _body(("redeliver",), redeliver={"examples": ["all"]})
BODIES["Remark"] = _body((), reason={"type": ["string", "null"]})
BODIES["Sync"] = _body((), environment={"type": ["string", "null"]})
for _kind in ("Promotion", "Rollback"):
    BODIES[_kind]["properties"]["dry_run"] = _DRY
BODIES["Promotion"]["properties"]["run_gates"] = _DRY
