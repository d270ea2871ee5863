"""The API described, as OpenAPI 3.1: what is asked, and which documents answer."""

from flask import Response, jsonify

from engine.domain.gate import GateKind
from engine.domain.record import RECORD_KINDS
from engine.responses.common import Document
from web.history_query import LARGEST_PAGE
from web.shapes import BODIES, SCHEMAS

_JSON = "application/json"
# Reading takes no token where nobody signs in, so both are named.
_EITHER: list[Document] = [{}, {"bearer": []}, {"session": []}]
_BEARER: list[Document] = [{"bearer": []}]
_NAMES = {
    200: "The answer",
    202: "Under way: ask for the change to see how it goes",
    400: "The request cannot be understood",
    401: "Say who you are",
    403: "Not authorized",
    404: "There is no such thing",
    405: "This address does not take that method",
    409: "Somebody or something else was faster, it is closed, or not configured",
    413: "The request is too large",
    422: "A gate, a signature or the path says no",
    423: "The environment is locked",
    500: "A defect, or a manifest that cannot be used",
    503: "The registry or the store does not answer",
}
_READING = (400, 401, 404, 409, 500, 503)
_ASKING = (202, 400, 401, 403, 404, 409, 413, 422, 423, 500, 503)


def description(base_url: str | None) -> Response:
    return jsonify(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "floe",
                "version": "1",
                "description": "Promotions as the command line makes them. Documents and exit "
                "codes are those of `floe platform … --output json`.",
            },
            "servers": [{"url": base_url or "/"}],
            "paths": _paths(),
            "components": {
                "schemas": SCHEMAS,
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
    run = _in_path("change_id", "the id of a change, of its record, or of its trace")
    before = _query("before", "the id of the change that ended the page before")
    state = _query("state", "open or all", enum=["open", "all"])
    environment = _query("environment", "only this environment")
    return {
        "/api/v1/status": _get("What runs where", "Statuses"),
        "/api/v1/environments/{name}": _get("One environment", "Status", name, _limit()),
        "/api/v1/history": _get("What happened, newest first", "History", *_filters()),
        "/api/v1/versions": _get("Versions by environments", "Versions"),
        "/api/v1/changes": _get("Changes in flight, or all", "Changes", state, before, _limit()),
        "/api/v1/changes/{change_id}": _get("One change and its timeline", "Change", change),
        "/api/v1/changes/{change_id}/output/{gate}": _get("What a gate printed", None, run, gate),
        "/api/v1/audit": _get("Whether the ledgers can be believed", "Audit", environment),
        "/api/v1/artifacts/{version}/signature": _get(
            "Which signatures an artifact has", "Signature", version, environment
        ),
        "/api/v1/webhooks": {
            **_get("What webhooks were not told of", "Webhooks"),
            **_post("Tell webhooks again", "Redelivery", "Webhooks"),
        },
        "/api/v1/sync": _post("Bring secondary registries up to date", "Sync", "Sync"),
        "/api/v1/promotions": _post("Promote a version", "Promotion", "PromotionAnswer"),
        "/api/v1/rollbacks": _post("Roll back", "Rollback", "RollbackAnswer"),
        "/api/v1/changes/{change_id}/approve": _post("Approve", "Remark", "Change", change),
        "/api/v1/changes/{change_id}/reject": _post("Reject", "Reason", "Change", change),
        "/api/v1/changes/{change_id}/cancel": _post("Cancel", "Remark", "Change", change),
        "/api/v1/environments/{name}/lock": _post("Lock", "Lock", "Freeze", name),
        "/api/v1/environments/{name}/unlock": _post("Unlock", "Reason", "Freeze", name),
        "/api/v1/environments/{name}/restore": _post("Restore", "Remark", "Freeze", name),
    }


def _get(summary: str, schema: str | None, *parameters: Document) -> Document:
    if schema is None:
        printed = {"output": {"type": "string"}}
        answer: Document = {
            "text/plain": {"schema": {"type": "string"}},
            _JSON: {"schema": {"type": "object", "properties": printed, "required": ["output"]}},
        }
    else:
        answer = {_JSON: {"schema": _reference(schema)}}
    answers = {"200": {"description": _NAMES[200], "content": answer}, **_failures(_READING)}
    operation = {"summary": summary, "parameters": [*parameters], "security": _EITHER}
    return {"get": operation | {"operationId": _id(summary), "responses": answers}}


def _post(summary: str, body: str, schema: str, *parameters: Document) -> Document:
    """An order; one that only takes a remark can do without its body."""
    answer = {_JSON: {"schema": _reference(schema)}}
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
    content = {_JSON: {"schema": BODIES[body]}}
    return {"post": operation | {"requestBody": {"required": body != "Remark", "content": content}}}


def _failures(codes: tuple[int, ...]) -> dict[str, Document]:
    content = {_JSON: {"schema": _reference("Failure")}}
    return {str(code): {"description": _NAMES[code], "content": content} for code in codes}


def _filters() -> tuple[Document, ...]:
    return (
        _query("environment", "only this environment"),
        _query("version", "only this version"),
        _query("operator", "only what this person or workload did"),
        _query("kind", "only records of this kind; empty: any", enum=["", *RECORD_KINDS]),
        _query("digest", "only records of this artifact; its first digits are enough"),
        _query("since", "2026-09-01, 2026-09-01T12:00 (UTC), or an age: 2h, 7d"),
        _query("after", "`next` of the page before"),
        _limit(),
    )


def _limit() -> Document:
    schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}
    return {"name": "limit", "in": "query", "description": "how many", "schema": schema}


def _query(name: str, what: str, **schema: object) -> Document:
    return {
        "name": name,
        "in": "query",
        "description": what,
        "schema": {"type": "string", **schema},
    }


def _in_path(name: str, what: str) -> Document:
    schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
    return {"name": name, "in": "path", "required": True, "description": what, "schema": schema}


def _key() -> Document:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "the same key gets the same answer, and one effect",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    }


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _id(summary: str) -> str:
    return "".join(word.strip(",").capitalize() for word in summary.split())
