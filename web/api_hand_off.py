"""The JSON API for systems that deploy, and for those that measure delivery."""

from flask import Blueprint, Response, jsonify, request

from engine.bootstrap.server import judge_digest
from engine.domain.dora import figures_of
from engine.domain.selection import parse_digest, parse_time
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.dora import DoraResponse
from engine.responses.verdict import VerdictResponse
from web.authentication import admit_reader, must_view
from web.concurrency_limit import limit_concurrency
from web.site import API, NoSuchPageError, the_site

hand_off = Blueprint("hand_off", __name__, url_prefix=API)


@hand_off.before_request
def admit() -> None:
    """Admit callers who may read the page of the product."""
    admit_reader()
    must_view()


@hand_off.get("/verdict")
def verdict() -> Response:
    """Say whether an artifact may run in an environment, by the copy of the ledger."""
    site, name = the_site(), request.args.get("env", "")
    if name not in (names := site.platform.engine.path.names):
        raise NoSuchPageError(
            f"There is no environment '{printable(name)[:40]}'. Environments: {', '.join(names)}"
        )
    found = judge_digest(site.records, name, parse_digest(request.args.get("digest", "")))
    return jsonify(VerdictResponse.of(found).document())


@hand_off.get("/dora")
def dora() -> Response:
    """Compute the figures of delivery from the copy of the ledgers."""
    site = the_site()
    engine = site.platform.engine
    until = engine.now()
    since = parse_time(request.args.get("since") or "30d", until)
    with limit_concurrency("reading"):
        read = site.dora_reader.read(until - since, until)
    found = figures_of(engine.path.names, read.found, read.until - read.since)
    trace = trace_id(request.headers.get("traceparent"))
    response = DoraResponse.of(found, read.since, read.until, trace, read.unread)
    return jsonify(response.document())
