"""The OpenAPI 3.1 description of the JSON API, made from the request and response models."""

from functools import cache

from flask import Response, jsonify
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from engine.domain.gate import GateKind
from engine.domain.record import RECORD_KINDS
from engine.responses.audit import AuditResponse
from engine.responses.change import ChangeResponse, ChangeTimelineResponse
from engine.responses.common import Document, ErrorResponse
from engine.responses.freeze import (
    AcknowledgeResponse,
    LockResponse,
    RestoreResponse,
    RotateResponse,
    UnlockResponse,
)
from engine.responses.promotion import PromotionResponse
from engine.responses.record import HistoryPageResponse
from engine.responses.rollback import RollbackResponse
from engine.responses.signature import SignatureResponse
from engine.responses.status import (
    EnvironmentHistoryResponse,
    EnvironmentResponse,
    VersionResponse,
)
from engine.responses.sync import SyncResponse
from engine.responses.webhooks import WebhooksResponse
from web.history_query import LARGEST_PAGE
from web.request_models import (
    Acknowledgement,
    Body,
    Lock,
    Promotion,
    Reason,
    Redelivery,
    Remark,
    Rollback,
    Rotation,
    Sync,
)

_JSON = "application/json"
# Reading needs no token on a server without sign-in.
_EITHER: list[Document] = [{}, {"bearer": []}, {"session": []}]
_BEARER: list[Document] = [{"bearer": []}]
_NAMES = {
    200: "The answer",
    202: "In progress: read the change to follow it",
    400: "The request is malformed",
    401: "A token is missing or not valid",
    403: "Not authorized",
    404: "Not found",
    405: "This address does not support the method",
    409: "Conflict with another request, a closed change, or not configured",
    413: "The request is too large",
    422: "Refused by a gate, a signature or the promotion path",
    423: "The environment is locked",
    500: "A defect, or an invalid manifest",
    503: "The registry or the store does not answer",
}
_RESPONSES = (
    AuditResponse,
    ChangeResponse,
    ChangeTimelineResponse,
    EnvironmentHistoryResponse,
    EnvironmentResponse,
    ErrorResponse,
    HistoryPageResponse,
    LockResponse,
    PromotionResponse,
    RestoreResponse,
    AcknowledgeResponse,
    RollbackResponse,
    RotateResponse,
    SignatureResponse,
    SyncResponse,
    UnlockResponse,
    VersionResponse,
    WebhooksResponse,
)
_READING = (400, 401, 404, 409, 500, 503)
_ASKING = (202, 400, 401, 403, 404, 409, 413, 422, 423, 500, 503)


def description(base_url: str | None) -> Response:
    return jsonify(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "floe",
                "version": "1",
                "description": "The commands of `floe platform`: the answers and exit codes of "
                "`floe platform … --output json`.",
            },
            "servers": [{"url": base_url or "/"}],
            "paths": _paths(),
            "components": {
                "schemas": _schemas(),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    "session": {"type": "apiKey", "in": "cookie", "name": "floe"},
                },
            },
        }
    )


def _paths() -> dict[str, Document]:
    change = _in_path("change_id", "like c-1a2b3c4d")
    name = _in_path("name", "an environment")
    version = _in_path("version", "like v1.2.3")
    gate = _in_path("gate", ", ".join(GateKind))
    run = _in_path("change_id", "ID of a change, of its record, or of its trace")
    before = _query("before", "ID of the last change of the page before")
    state = _query("state", "open or all", enum=["open", "all"])
    environment = _query("environment", "only this environment")
    anchors = _query("anchors", "entries that must exist, like prod#7=sha256:…, with commas")
    full = _query("full", "true: also entries that a checkpoint proves", enum=["true", "false"])
    return {
        "/api/v1/status": _get("The status of the environments", _array(EnvironmentResponse)),
        "/api/v1/environments/{name}": _get(
            "One environment", _ref(EnvironmentHistoryResponse), name, _limit()
        ),
        "/api/v1/history": _get("Records, newest first", _ref(HistoryPageResponse), *_filters()),
        "/api/v1/versions": _get("Versions by environment", _array(VersionResponse)),
        "/api/v1/changes": _get(
            "Open changes, or all changes", _array(ChangeResponse), state, before, _limit()
        ),
        "/api/v1/changes/{change_id}": _get(
            "One change and its events", _ref(ChangeTimelineResponse), change
        ),
        "/api/v1/changes/{change_id}/output/{gate}": _get("Output of a gate", None, run, gate),
        "/api/v1/audit": _get(
            "Audit of the ledgers", _ref(AuditResponse), environment, anchors, full
        ),
        "/api/v1/artifacts/{version}/signature": _get(
            "Signatures of an artifact", _ref(SignatureResponse), version, environment
        ),
        "/api/v1/webhooks": {
            **_get("Failed webhook deliveries", _ref(WebhooksResponse)),
            **_post("Repeat webhook deliveries", Redelivery, WebhooksResponse),
        },
        **_command_paths(change, name),
    }


def _command_paths(change: Document, name: Document) -> dict[str, Document]:
    return {
        "/api/v1/sync": _post("Sync secondary registries", Sync, SyncResponse),
        "/api/v1/promotions": _post("Promote a version", Promotion, PromotionResponse),
        "/api/v1/rollbacks": _post("Roll back", Rollback, RollbackResponse),
        "/api/v1/changes/{change_id}/approve": _post("Approve", Remark, ChangeResponse, change),
        "/api/v1/changes/{change_id}/reject": _post("Reject", Reason, ChangeResponse, change),
        "/api/v1/changes/{change_id}/cancel": _post("Cancel", Remark, ChangeResponse, change),
        "/api/v1/environments/{name}/lock": _post("Lock", Lock, LockResponse, name),
        "/api/v1/environments/{name}/unlock": _post("Unlock", Reason, UnlockResponse, name),
        "/api/v1/environments/{name}/restore": _post("Restore", Remark, RestoreResponse, name),
        "/api/v1/environments/{name}/acknowledge": _post(
            "Acknowledge a number of the ledger", Acknowledgement, AcknowledgeResponse, name
        ),
        "/api/v1/environments/{name}/rotate": _post(
            "Rotate the keys of the ledger", Rotation, RotateResponse, name
        ),
    }


def _get(summary: str, schema: Document | None, *parameters: Document) -> Document:
    """A query; its answer is text or JSON with that text when `schema` is None."""
    if schema is None:
        output = {"output": {"type": "string"}}
        answer: Document = {
            "text/plain": {"schema": {"type": "string"}},
            _JSON: {"schema": {"type": "object", "properties": output, "required": ["output"]}},
        }
    else:
        answer = {_JSON: {"schema": schema}}
    answers = {"200": {"description": _NAMES[200], "content": answer}, **_failures(_READING)}
    operation = {"summary": summary, "parameters": [*parameters], "security": _EITHER}
    return {"get": operation | {"operationId": _id(summary), "responses": answers}}


def _post(
    summary: str, body: type[Body], response: type[BaseModel], *parameters: Document
) -> Document:
    """A command; one that only takes a remark needs no body."""
    answer = {_JSON: {"schema": _ref(response)}}
    operation: Document = {
        "summary": summary,
        "operationId": _id(summary),
        "parameters": [*parameters, _key()],
        "security": _BEARER,
        "responses": {
            "200": {"description": _NAMES[200], "content": answer},
            **_failures(_ASKING),
        },
    }
    content = {_JSON: {"schema": body.model_json_schema()}}
    return {
        "post": operation | {"requestBody": {"required": body is not Remark, "content": content}}
    }


def _failures(codes: tuple[int, ...]) -> dict[str, Document]:
    content = {_JSON: {"schema": _ref(ErrorResponse)}}
    return {str(code): {"description": _NAMES[code], "content": content} for code in codes}


def _filters() -> tuple[Document, ...]:
    return (
        _query("environment", "only this environment"),
        _query("version", "only this version"),
        _query("operator", "only records of this person or workload"),
        _query("kind", "only records of this kind; empty: any", enum=["", *RECORD_KINDS]),
        _query("digest", "only records of this artifact; its first digits are enough"),
        _query("since", "2026-09-01, 2026-09-01T12:00 (UTC), or an age: 2h, 7d"),
        _query("after", "`next` of the page before"),
        _limit(),
    )


def _limit() -> Document:
    schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}
    return {"name": "limit", "in": "query", "description": "how many", "schema": schema}


def _query(name: str, description: str, **schema: object) -> Document:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "string", **schema},
    }


def _in_path(name: str, about: str) -> Document:
    schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
    return {"name": name, "in": "path", "required": True, "description": about, "schema": schema}


def _key() -> Document:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "requests with the same key take effect once and get the same answer",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    }


def _ref(model: type[BaseModel]) -> Document:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _array(model: type[BaseModel]) -> Document:
    return {"type": "array", "items": _ref(model)}


@cache
def _schemas() -> Document:
    """The schemas of all answers, and of the values inside them."""
    _, document = models_json_schema(
        [(model, "serialization") for model in _RESPONSES],
        ref_template="#/components/schemas/{model}",
    )
    schemas: Document = document["$defs"]
    return schemas


def _id(summary: str) -> str:
    return "".join(word.strip(",").capitalize() for word in summary.split())
