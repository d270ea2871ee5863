"""The OpenAPI 3.1 description of the JSON API, made from the request and response models."""

from functools import cache

from flask import Response, jsonify
from pydantic.json_schema import models_json_schema

from engine.domain.gate import GateKind
from engine.responses.audit import AuditResponse
from engine.responses.change import ChangeResponse, ChangeTimelineResponse
from engine.responses.common import Document, ErrorResponse
from engine.responses.deployments import ReportedResponse, RolloutResponse
from engine.responses.diff import VersionDiffResponse
from engine.responses.dora import DoraResponse
from engine.responses.freeze import (
    AcknowledgeResponse,
    LockResponse,
    ReleaseResponse,
    RestoreResponse,
    ReviewResponse,
    RotateResponse,
    UnlockResponse,
    UnwaiveResponse,
)
from engine.responses.product import ProductResponse
from engine.responses.promotion import PromotionResponse
from engine.responses.record import HistoryPageResponse
from engine.responses.reload import ReloadResponse
from engine.responses.rollback import RollbackResponse
from engine.responses.signature import SignatureResponse
from engine.responses.status import EnvironmentHistoryResponse, EnvironmentResponse
from engine.responses.sync import SyncResponse
from engine.responses.verdict import VerdictResponse
from engine.responses.versions import VersionsResponse
from engine.responses.waivers import WaiversResponse
from engine.responses.webhooks import WebhooksResponse
from engine.responses.whoami import SignInResponse, WhoamiResponse
from web.openapi_parts import (
    array,
    empty_post,
    failures,
    filters,
    get,
    in_path,
    limit,
    post,
    query,
    ref,
)
from web.request_models import (
    Acknowledgement,
    DeploymentReport,
    Lock,
    NewWaiver,
    Promotion,
    Reason,
    Redelivery,
    Release,
    Remark,
    Review,
    Rollback,
    Rotation,
    Schedule,
    Sync,
    WaiverSubject,
)
from web.site import API, Shared

_TARGET = "^[A-Za-z0-9_./@:-]{1,128}$"
_RESPONSES = (
    AuditResponse,
    ChangeResponse,
    ChangeTimelineResponse,
    DoraResponse,
    EnvironmentHistoryResponse,
    EnvironmentResponse,
    ErrorResponse,
    HistoryPageResponse,
    LockResponse,
    ProductResponse,
    PromotionResponse,
    ReleaseResponse,
    ReloadResponse,
    ReportedResponse,
    RestoreResponse,
    RolloutResponse,
    AcknowledgeResponse,
    ReviewResponse,
    RollbackResponse,
    RotateResponse,
    SignInResponse,
    SignatureResponse,
    SyncResponse,
    UnlockResponse,
    UnwaiveResponse,
    VerdictResponse,
    VersionDiffResponse,
    VersionsResponse,
    WaiversResponse,
    WebhooksResponse,
    WhoamiResponse,
)


def description(server: Shared) -> Response:
    """Describe the API; the addresses contain the product where there are several."""
    return jsonify(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "floe",
                "version": "1",
                "description": "The commands of `floe platform`: the answers and exit codes of "
                "`floe platform … --output json`.",
            },
            "servers": [{"url": server.web.base_url or "/"}],
            "paths": _server_paths(server)
            | _placed(
                _paths() | _hand_off_paths() | _versions_paths() | _command_paths(),
                server.products.several,
            ),
            "components": {
                "schemas": _schemas(),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    "session": {"type": "apiKey", "in": "cookie", "name": "floe"},
                },
            },
        }
    )


def _server_paths(server: Shared) -> dict[str, Document]:
    """The paths that are not those of one product."""
    reload = empty_post("Read the product files again", ReloadResponse, (400, 401, 403, 500))
    paths = {
        "/api/v1/products": get("The products, as they were last read", array(ProductResponse)),
        "/api/v1/sign-in": get("Providers to sign in with", ref(SignInResponse)),
        "/api/v1/whoami": get("The caller and their rights", ref(WhoamiResponse)),
        "/-/reload": reload,
    }
    if server.web.registry_events:
        event = empty_post("Look at products whose registry changed", None, (401, 413))
        paths["/-/registry-events"] = event
    return paths


def _placed(paths: dict[str, Document], several: bool) -> dict[str, Document]:
    """Put the paths below a product where there are several."""
    if not several:
        return paths
    place, product = f"{API}/products/{{product}}", in_path("product", "the name of a product")
    return {
        place + path.removeprefix(API): {
            method: operation | {"parameters": [product, *operation["parameters"]]}
            for method, operation in operations.items()
        }
        for path, operations in paths.items()
    }


def _paths() -> dict[str, Document]:
    change = in_path("change_id", "like c-1a2b3c4d")
    name = in_path("name", "an environment")
    version = in_path("version", "like v1.2.3")
    gate = in_path("gate", ", ".join(GateKind))
    run = in_path("change_id", "ID of a change, of its record, or of its trace")
    before = query("before", "ID of the last change of the page before")
    state = query("state", "open or all", enum=["open", "all"])
    environment = query("environment", "only this environment")
    anchors = query("anchors", "entries that must exist, like prod#7=sha256:…, with commas")
    full = query("full", "true: also entries that a checkpoint proves", enum=["true", "false"])
    return {
        "/api/v1/status": get("The status of the environments", array(EnvironmentResponse)),
        "/api/v1/environments/{name}": get(
            "One environment", ref(EnvironmentHistoryResponse), name, limit()
        ),
        "/api/v1/history": get("Records, newest first", ref(HistoryPageResponse), *filters()),
        "/api/v1/changes": get(
            "Open changes, or all changes", array(ChangeResponse), state, before, limit()
        ),
        "/api/v1/changes/{change_id}": get(
            "One change and its events", ref(ChangeTimelineResponse), change
        ),
        "/api/v1/changes/{change_id}/output/{gate}": get("Output of a gate", None, run, gate),
        "/api/v1/audit": get(
            "Audit of the ledgers", ref(AuditResponse), environment, anchors, full
        ),
        "/api/v1/artifacts/{version}/signature": get(
            "Signatures of an artifact", ref(SignatureResponse), version, environment
        ),
        "/api/v1/waivers": {
            **get("Waivers in force", ref(WaiversResponse), environment),
            **post("Waive a vulnerability", NewWaiver, ChangeResponse),
        },
        "/api/v1/webhooks": {
            **get("Failed webhook deliveries", ref(WebhooksResponse)),
            **post("Repeat webhook deliveries", Redelivery, WebhooksResponse),
        },
    }


def _versions_paths() -> dict[str, Document]:
    environment = query("environment", "only versions that are or were in this environment")
    after = query("after", "`next` of the page before")
    asked = (environment, after, limit())
    pair = [
        query(name, f"the {place} version, like v1.2.0", minLength=1) | {"required": True}
        for name, place in (("from", "first"), ("to", "second"))
    ]
    return {
        "/api/v1/versions": get("Published versions, newest first", ref(VersionsResponse), *asked),
        "/api/v1/diff": get("Differences of two versions", ref(VersionDiffResponse), *pair),
    }


def _hand_off_paths() -> dict[str, Document]:
    digest = query("digest", "of the artifact", pattern="^sha256:[0-9a-f]{64}$")
    asked = (query("env", "name of an environment", minLength=1), digest)
    required = [each | {"required": True} for each in asked]
    since = query("since", "begin of the period: 2026-09-01, or an age: 30d (default)")
    target = query("target", "in place of the target in the body", pattern=_TARGET)
    environment = query("env", "in place of the environment in the body")
    parts = (DeploymentReport, ReportedResponse, environment, target)
    report = post("Report a deployment", *parts, keyed=False)
    report["post"]["responses"] |= failures((429,))
    return {
        "/api/v1/deployments": {**get("Deployments", array(RolloutResponse)), **report},
        "/api/v1/verdict": get("Whether an artifact may run", ref(VerdictResponse), *required),
        "/api/v1/dora": get("Figures of delivery", ref(DoraResponse), since),
    }


def _command_paths() -> dict[str, Document]:
    change = in_path("change_id", "like c-1a2b3c4d")
    name = in_path("name", "an environment")
    return {
        "/api/v1/sync": post("Sync secondary registries", Sync, SyncResponse),
        "/api/v1/promotions": post("Promote a version", Promotion, PromotionResponse),
        "/api/v1/rollbacks": post("Roll back", Rollback, RollbackResponse),
        "/api/v1/changes/{change_id}/approve": post("Approve", Remark, ChangeResponse, change),
        "/api/v1/changes/{change_id}/reject": post("Reject", Reason, ChangeResponse, change),
        "/api/v1/changes/{change_id}/cancel": post("Cancel", Remark, ChangeResponse, change),
        "/api/v1/changes/{change_id}/reschedule": post(
            "Carry a scheduled change out at another time", Schedule, ChangeResponse, change
        ),
        "/api/v1/environments/{name}/lock": post("Lock", Lock, LockResponse, name),
        "/api/v1/environments/{name}/unlock": post("Unlock", Reason, UnlockResponse, name),
        "/api/v1/environments/{name}/restore": post("Restore", Remark, RestoreResponse, name),
        "/api/v1/environments/{name}/release": post(
            "Release a version from quarantine", Release, ReleaseResponse, name
        ),
        "/api/v1/environments/{name}/acknowledge": post(
            "Acknowledge a number of the ledger", Acknowledgement, AcknowledgeResponse, name
        ),
        "/api/v1/environments/{name}/unwaive": post(
            "End a waiver early", WaiverSubject, UnwaiveResponse, name
        ),
        "/api/v1/reviews": post("Review a break-glass", Review, ReviewResponse),
        "/api/v1/environments/{name}/rotate": post(
            "Rotate the keys of the ledger", Rotation, RotateResponse, name
        ),
    }


@cache
def _schemas() -> Document:
    """The schemas of all answers, and of the values inside them."""
    _, document = models_json_schema(
        [(model, "serialization") for model in _RESPONSES],
        ref_template="#/components/schemas/{model}",
    )
    schemas: Document = document["$defs"]
    return schemas
