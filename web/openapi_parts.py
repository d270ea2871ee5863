"""Building blocks of the OpenAPI description: operations, parameters, and references."""

from pydantic import BaseModel

from engine.domain.record import RECORD_KINDS
from engine.responses.common import Document, ErrorResponse
from web.history_query import LARGEST_PAGE
from web.request_models import Body, Remark

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
    429: "Too many requests: send it again later",
    500: "A defect, or an invalid manifest",
    503: "The registry or the store does not answer",
}
_READING = (400, 401, 404, 409, 500, 503)
_ASKING = (202, 400, 401, 403, 404, 409, 413, 422, 423, 500, 503)


def get(summary: str, schema: Document | None, *parameters: Document) -> Document:
    """A query; its answer is text or JSON with that text when `schema` is None."""
    if schema is None:
        output = {"output": {"type": "string"}}
        answer: Document = {
            "text/plain": {"schema": {"type": "string"}},
            _JSON: {"schema": {"type": "object", "properties": output, "required": ["output"]}},
        }
    else:
        answer = {_JSON: {"schema": schema}}
    answers = {"200": {"description": _NAMES[200], "content": answer}, **failures(_READING)}
    operation = {"summary": summary, "parameters": [*parameters], "security": _EITHER}
    return {"get": operation | {"operationId": _id(summary), "responses": answers}}


def post(
    summary: str,
    body: type[Body],
    response: type[BaseModel],
    *parameters: Document,
    keyed: bool = True,
) -> Document:
    """A command; one that only takes a remark needs no body. `keyed` ones have an effect once."""
    answer = {_JSON: {"schema": ref(response)}}
    operation: Document = {
        "summary": summary,
        "operationId": _id(summary),
        "parameters": [*parameters, *([_key()] if keyed else [])],
        "security": _BEARER,
        "responses": {
            "200": {"description": _NAMES[200], "content": answer},
            **failures(_ASKING),
        },
    }
    content = {_JSON: {"schema": body.model_json_schema()}}
    return {
        "post": operation | {"requestBody": {"required": body is not Remark, "content": content}}
    }


def empty_post(
    summary: str, response: type[BaseModel] | None, refused: tuple[int, ...]
) -> Document:
    """A request without a body that counts; no `response` means an empty answer."""
    if response is None:
        answers: Document = {"202": {"description": "Accepted"}}
    else:
        content = {_JSON: {"schema": ref(response)}}
        answers = {"200": {"description": _NAMES[200], "content": content}}
    operation = {"summary": summary, "operationId": _id(summary), "parameters": []}
    return {"post": operation | {"security": _BEARER, "responses": answers | failures(refused)}}


def failures(codes: tuple[int, ...]) -> dict[str, Document]:
    content = {_JSON: {"schema": ref(ErrorResponse)}}
    return {str(code): {"description": _NAMES[code], "content": content} for code in codes}


def filters() -> tuple[Document, ...]:
    return (
        query("environment", "only this environment"),
        query("version", "only this version"),
        query("operator", "only records of this person or workload"),
        query("kind", "only records of this kind; empty: any", enum=["", *RECORD_KINDS]),
        query("digest", "only records of this artifact; its first digits are enough"),
        query("since", "2026-09-01, 2026-09-01T12:00 (UTC), or an age: 2h, 7d"),
        query("until", "only records before this time, written as in `since`"),
        query("search", "part of a version, a digest, a record ID, or a name"),
        query("after", "`next` of the page before"),
        limit(),
    )


def limit() -> Document:
    schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}
    return {"name": "limit", "in": "query", "description": "how many", "schema": schema}


def query(name: str, description: str, **schema: object) -> Document:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "string", **schema},
    }


def in_path(name: str, about: str) -> Document:
    schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
    return {"name": name, "in": "path", "required": True, "description": about, "schema": schema}


def _key() -> Document:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "requests with the same key take effect once and get the same answer",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    }


def ref(model: type[BaseModel]) -> Document:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def array(model: type[BaseModel]) -> Document:
    return {"type": "array", "items": ref(model)}


def _id(summary: str) -> str:
    return "".join(word.strip(",").capitalize() for word in summary.split())
