"""The JSON API for systems that deploy, and for those that measure delivery."""

from collections.abc import Iterator
from datetime import datetime

from flask import Blueprint, Response, jsonify, request

from engine.bootstrap.server import Cursor, judge_digest
from engine.domain.dora import LOOKBACK, check_period, figures
from engine.domain.record import AnyRecord
from engine.domain.selection import Selection, parse_digest, parse_time
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.dora import DoraResponse
from engine.responses.verdict import VerdictResponse
from web.authentication import admit_reader, must_view
from web.site import API, NoSuchPageError, Site, the_site

_STEP = 1000

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
    check_period(since, until)
    site.records.refresh()
    if (error := site.records.error()) is not None:
        raise type(error)(str(error), error.details)
    found = figures(engine.path.names, _records(site, since - LOOKBACK), since, until)
    trace = trace_id(request.headers.get("traceparent"))
    response = DoraResponse.of(found, since, until, trace, site.records.missing())
    return jsonify(response.document())


def _records(site: Site, since: datetime) -> Iterator[AnyRecord]:
    """Yield the records in the copy, newest first, read in steps."""
    after: Cursor | None = None
    while page := site.records.store.page(Selection(since=since), _STEP, after):
        yield from (kept.record for kept in page)
        last = page[-1]
        after = (last.record.at, last.environment, last.sequence)
