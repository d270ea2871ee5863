"""The page with the figures of delivery, and their charts."""

from collections.abc import Sequence
from datetime import timedelta

from flask import Blueprint, render_template, request

from engine.changes.deployment_events import measure_rollouts
from engine.domain.dora import figures_of
from engine.domain.dora_trend import Span, make_span, split_into_spans
from engine.domain.errors import StoreUnavailableError, UsageError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.dora import FIGURES, DoraResponse
from web.charts import Chart, delivery_charts, gate_charts, health_charts
from web.concurrency_limit import limit_concurrency
from web.page_blueprint import admit
from web.site import Site, the_site

# Each with its number of bars.
PERIODS = {
    "7d": (timedelta(days=7), 7),
    "30d": (timedelta(days=30), 10),
    "90d": (timedelta(days=90), 13),
    "365d": (timedelta(days=365), 12),
}

dora_pages = Blueprint("dora", __name__)
dora_pages.before_request(admit)


@dora_pages.get("/delivery")
def show() -> str:
    site = the_site()
    path, now = site.platform.engine.path, site.platform.engine.now()
    name = path.environment(request.args.get("environment") or path.names[-1]).name
    chosen = request.args.get("since") or "30d"
    if chosen not in PERIODS:
        raise UsageError(f"since is one of {', '.join(PERIODS)}, not '{printable(chosen)[:40]}'")
    length, count = PERIODS[chosen]
    with limit_concurrency("reading"):
        read = site.dora_reader.read(length, now)
    found = read.found.get(name, ())
    whole = make_span(name, found, read.since, read.until)
    spans = split_into_spans(name, found, read.since, read.until, count)
    all_figures = figures_of(path.names, read.found, length)
    trace = trace_id(request.headers.get("traceparent"))
    return render_template(
        "delivery.html",
        name=name,
        chosen=chosen,
        periods=PERIODS,
        heads=FIGURES,
        rows=DoraResponse.of(all_figures, read.since, read.until, trace).environments,
        charts=delivery_charts(whole, spans),
        gates=gate_charts(whole, spans),
        health=_health(site, spans),
        read=read,
        now=now,
    )


def _health(site: Site, spans: Sequence[Span]) -> tuple[Chart, ...] | None:
    """Return the charts of health; None while the store of changes cannot be read."""
    name, since = spans[0].figures.environment, spans[0].begin
    try:
        return health_charts(measure_rollouts(site.platform.store, name, since), spans)
    except StoreUnavailableError:
        return None
