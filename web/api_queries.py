"""The JSON API for reading: the same answers as the command line."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from flask import Blueprint, Response, jsonify, request

from engine.domain.change import Change
from engine.domain.deployments import Deployment
from engine.domain.errors import UsageError
from engine.domain.gate import GateKind
from engine.domain.parsing import parse_version
from engine.domain.selection import Selection, parse_anchor
from engine.domain.status import EnvironmentStatus
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.domain.versions import with_changes
from engine.responses.audit import AuditResponse
from engine.responses.change import ChangeResponse, ChangeTimelineResponse
from engine.responses.diff import VersionDiffResponse
from engine.responses.record import HistoryPageResponse, RecordResponse
from engine.responses.signature import SignatureResponse
from engine.responses.status import (
    EnvironmentHistoryResponse,
    EnvironmentResponse,
    LastStatus,
)
from engine.responses.versions import VersionsResponse
from engine.responses.waivers import WaiversResponse
from engine.responses.webhooks import WebhooksResponse
from web.authentication import admit_reader, must_view
from web.diff_page import compare_versions
from web.follow_token import HEADER, admits
from web.history_query import asked, cursor, page_size, read_page
from web.pages import change_of
from web.site import NoSuchPageError, the_site
from web.status_cache import Seen
from web.version_matrix import recent_failures

_PAGE = 50

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.before_request
def admit() -> None:
    """Admit callers who may read the page, and holders of a change's follow token."""
    change_id = (request.view_args or {}).get("change_id", "")
    of_change = request.endpoint is not None and request.endpoint.endswith("api.change")
    if not (of_change and admits(request.headers.get(HEADER), change_id)):
        admit_reader()
        must_view()


@api.get("/status")
def status() -> Response:
    seen, reports = _seen(), the_site().platform.deployments.all()
    rows = (_status(row, seen, reports.get(row.name, ())) for row in seen.rows)
    return jsonify([row.document() for row in rows])


@api.get("/environments/<name>")
def environment(name: str) -> Response:
    site, seen = the_site(), _seen()
    row = seen.row(name)
    if row is None:
        raise NoSuchPageError(f"There is no environment '{name}'")
    site.records.refresh()
    kept = site.records.store.page(Selection(environment=name), _limit())
    history = tuple(map(RecordResponse.of, kept))
    status = _status(row, seen, site.platform.deployments.of(name))
    response = EnvironmentHistoryResponse(**dict(status), history=history)
    return jsonify(response.document())


@api.get("/history")
def history() -> Response:
    site = the_site()
    now = site.platform.engine.now()
    query = asked(site.platform.engine.path, request.args, now, _PAGE)
    site.records.refresh()
    site.records.require(query.selection.environment)
    kept = read_page(site.records, query)
    shown = kept[: query.limit]
    response = HistoryPageResponse(
        success=True,
        records=tuple(map(RecordResponse.of, shown)),
        next=cursor(shown[-1]) if len(kept) > query.limit else None,
        unread=site.records.missing(),
        trace_id=_trace(),
        error=None,
    )
    return jsonify(response.document())


@api.get("/versions")
def versions() -> Response:
    """Return a page of the published versions, newest first."""
    site, seen = the_site(), _seen()
    after, environment = request.args.get("after"), request.args.get("environment")
    reader = site.platform.engine.versions
    page = reader.page(seen.rows, _limit(), after or None, environment or None)
    page = replace(page, rows=with_changes(page.rows, seen.pending, recent_failures(site)))
    return jsonify(VersionsResponse.of(page, seen.rows, _trace()).document())


@api.get("/diff")
def diff() -> Response:
    """Return the differences between two versions, like the page."""
    before, after = (request.args.get(name, "").strip() for name in ("from", "to"))
    if not before or not after:
        raise UsageError("Name two versions to compare: ?from=v1.2.0&to=v1.3.0")
    versions = parse_version(before), parse_version(after)
    found = compare_versions(the_site(), *versions, _seen().rows)
    return jsonify(VersionDiffResponse.of(found, _trace()).document())


@api.get("/changes")
def changes() -> Response:
    store, which = the_site().platform.store, request.args.get("state", "open")
    if which not in ("open", "all"):
        raise UsageError("state is 'open' or 'all'")
    found = store.open()[: _limit()] if which == "open" else _recent()
    return jsonify([ChangeResponse.of(change).document() for change in found])


@api.get("/changes/<change_id>")
def change(change_id: str) -> Response:
    found = change_of(change_id)
    events = the_site().platform.store.events_of(change_id)
    return jsonify(ChangeTimelineResponse.of_events(found, events).document())


@api.get("/changes/<change_id>/output/<gate>")
def output(change_id: str, gate: str) -> Response:
    """
    Return the output of a gate, of a run named by its change, record or trace ID.

    Plain text, which a browser does not execute; JSON for clients that accept nothing else.
    """
    kept = None
    with suppress(ValueError):
        kept = the_site().platform.gate_output(change_id, GateKind(gate), _trace_of)
    if kept is None:
        raise NoSuchPageError(f"No output of gate '{gate}' is stored for {change_id}")
    if request.accept_mimetypes.best == "application/json":
        return jsonify({"output": kept.decode(errors="replace")})
    return Response(kept, content_type="text/plain; charset=utf-8")


def _trace_of(record_id: str) -> str | None:
    kept = the_site().records.store.by_id(record_id)
    return kept.record.trace_id if kept else None


@api.get("/audit")
def audit() -> Response:
    """Verify every record, and wait for the report."""
    environment = request.args.get("environment") or None
    if environment is not None:
        environment = the_site().platform.engine.path.environment(environment).name
    anchors = [parse_anchor(each) for each in request.args.get("anchors", "").split(",") if each]
    full = request.args.get("full", "false")
    if full not in ("true", "false"):
        raise UsageError(f"full must be true or false, got '{printable(full)[:40]}'")
    report = the_site().auditor.now(environment, anchors, full == "true")
    return jsonify(AuditResponse.of(report, _trace()).document())


@api.get("/webhooks")
def webhooks() -> Response:
    """Return failed webhook deliveries."""
    webhook_sender = the_site().platform.engine.webhooks
    failed, waiting = webhook_sender.undelivered(), webhook_sender.waiting()
    return jsonify(WebhooksResponse.of(failed, waiting, (), _trace()).document())


@api.get("/waivers")
def waivers() -> Response:
    """Return the waivers in force, as they were last read."""
    engine, rows = the_site().platform.engine, _seen().rows
    if environment := request.args.get("environment"):
        name = engine.path.environment(environment).name
        rows = tuple(row for row in rows if row.name == name)
    response = WaiversResponse.of(rows, engine.reference, engine.now(), _trace())
    return jsonify(response.document())


@api.get("/artifacts/<version>/signature")
def signature(version: str) -> Response:
    """Return the signatures of a version and its promotion, also if none counts."""
    engine = the_site().platform.engine
    environment = request.args.get("environment") or None
    tag, manifest = engine.artifact(parse_version(version), environment)
    verdict, proof = engine.examine(manifest, environment)
    response = SignatureResponse.of(tag, manifest.digest, verdict, proof, _trace())
    return jsonify(response.document())


def _seen() -> Seen:
    """Return the present state, or an error with the last known one: programs decide by it."""
    seen = the_site().board.look()
    error = seen.error or seen.store_error
    if error is None:
        return seen
    last = LastStatus(last_known=tuple(map(EnvironmentResponse.of, seen.rows)), read_at=seen.at)
    # Other threads raise it too, so the details are not added to it.
    raise type(error)(str(error), error.details | last.document())


def _status(
    row: EnvironmentStatus, seen: Seen, reports: Sequence[Deployment]
) -> EnvironmentResponse:
    return EnvironmentResponse.of(row, seen.pending_to(row.name), reports)


def _recent() -> tuple[Change, ...]:
    return the_site().platform.store.recent(_limit(), request.args.get("before") or None)


def _limit() -> int:
    return page_size(request.args, _PAGE)


def _trace() -> str:
    return trace_id(request.headers.get("traceparent"))
