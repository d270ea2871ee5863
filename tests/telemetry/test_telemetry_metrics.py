"""Numbers for Prometheus, and log lines as JSON."""

import io
import json
import logging
import math
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.adapters.telemetry import PrometheusMetrics, configure_logs
from engine.adapters.telemetry.logs import JsonFormatter
from engine.domain.errors import ConfigError
from engine.ports.telemetry import (
    GATE_SECONDS,
    PROMOTIONS,
    QUEUE_DEPTH,
    WEBHOOK_DELIVERIES,
    tracing,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
_LABEL = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
_LINE = re.compile(rf"([a-z_]+)(?:\{{({_LABEL}(?:,{_LABEL})*)?\}})? (\S+)")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, afterwards as it was; so are the ones that are made quieter."""
    loggers = [logging.getLogger(name) for name in ("", "httpx", "httpcore")]
    levels, handlers = [each.level for each in loggers], list(loggers[0].handlers)
    yield loggers[0]
    loggers[0].handlers[:] = handlers
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)


def samples(metrics: PrometheusMetrics) -> dict[str, float]:
    """Parse the metrics as Prometheus does: every line must be valid."""
    found = {}
    for line in metrics.render().splitlines():
        if not line.startswith("# "):
            match = _LINE.fullmatch(line)
            assert match, line
            found[f"{match[1]}{{{match[2] or ''}}}"] = float(match[3])
    return found


def test_totals_and_levels_are_kept_by_label() -> None:
    metrics = PrometheusMetrics()

    metrics.count(PROMOTIONS, environment="prod", outcome="promoted")
    metrics.count(PROMOTIONS, 2, environment="prod", outcome="promoted")
    metrics.count(PROMOTIONS, environment="prod", outcome="blocked")
    metrics.level(QUEUE_DEPTH, 7, queue="changes")
    metrics.level(QUEUE_DEPTH, 3, queue="changes")

    assert samples(metrics) == {
        'floe_promotions_total{environment="prod",outcome="promoted"}': 3,
        'floe_promotions_total{environment="prod",outcome="blocked"}': 1,
        'floe_queue_depth{queue="changes"}': 3,
    }


def test_durations_are_cumulative_buckets_with_sum_and_count() -> None:
    metrics = PrometheusMetrics()

    for seconds in (0.5, 1.0, 59.0, 5000.0):
        metrics.observe(GATE_SECONDS, seconds, gate="tests", status="passed")

    found = samples(metrics)
    bucket = 'floe_gate_duration_seconds_bucket{gate="tests",le="%s",status="passed"}'
    labels = 'gate="tests",status="passed"'
    assert found[bucket % "1.0"] == 2
    assert found[bucket % "60.0"] == 3
    assert found[bucket % "3600.0"] == 3
    assert found[bucket % "+Inf"] == 4
    assert found[f"floe_gate_duration_seconds_count{{{labels}}}"] == 4
    assert math.isclose(found[f"floe_gate_duration_seconds_sum{{{labels}}}"], 5060.5)


def test_large_totals_lose_no_digit() -> None:
    metrics = PrometheusMetrics()

    metrics.count(WEBHOOK_DELIVERIES, 123_456_789, outcome="delivered")

    assert 123_456_789 in samples(metrics).values()


def test_every_metric_says_what_it_is() -> None:
    metrics = PrometheusMetrics()
    metrics.count(PROMOTIONS, environment="prod", outcome="promoted")
    text = metrics.render()

    assert "# HELP floe_promotions_total Promotions by outcome.\n" in text
    assert "# TYPE floe_promotions_total counter\n" in text
    assert "# TYPE floe_approval_wait_seconds histogram\n" in text
    assert "_created" not in text
    assert text.endswith("\n")


def test_labels_are_data() -> None:
    metrics = PrometheusMetrics()

    metrics.count(WEBHOOK_DELIVERIES, outcome='a"b\\c\nd')

    assert samples(metrics) == {'floe_webhook_deliveries_total{outcome="a\\"b\\\\c\\nd"}': 1}


def test_what_was_not_declared_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    metrics = PrometheusMetrics()

    metrics.count("floe_unheard_of_total")
    metrics.count(PROMOTIONS, environment="prod")
    metrics.observe(PROMOTIONS, 1, environment="prod", outcome="promoted")

    assert samples(metrics) == {}
    assert len(caplog.records) == 3


def test_the_number_of_series_is_bounded() -> None:
    metrics = PrometheusMetrics()

    for number in range(3000):
        metrics.count(WEBHOOK_DELIVERIES, outcome=str(number))

    assert len(samples(metrics)) == 1000


def test_counts_from_many_threads_add_up() -> None:
    metrics = PrometheusMetrics()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(800):
            pool.submit(metrics.count, WEBHOOK_DELIVERIES, outcome="delivered")

    assert list(samples(metrics).values()) == [800]


@pytest.mark.requirement("FR-033")
def test_a_line_is_one_object_with_the_trace_it_belongs_to(root: logging.Logger) -> None:
    stream = io.StringIO()
    configure_logs({"FLOE_LOG": "json"}, stream)

    with tracing(TRACE):
        logging.getLogger("engine.x").info('promoted\n{"level": "forged"} %s', "\udcff ü")
    logging.getLogger("engine.x").debug("not this")
    logging.getLogger("httpx").info("HTTP Request: POST https://hooks.acme.com/hunter2")

    [line] = stream.getvalue().splitlines()
    parsed = json.loads(line)
    assert parsed.pop("time").endswith("Z")
    assert parsed == {
        "level": "info",
        "logger": "engine.x",
        "message": 'promoted\n{"level": "forged"} \udcff ü',
        "trace_id": TRACE,
    }


def test_an_exception_stays_on_its_line() -> None:
    try:
        raise ValueError("bad")
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), caught)

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert "ValueError: bad" in json.loads(line)["exception"]
    assert "trace_id" not in json.loads(line)


@pytest.mark.parametrize("value", [None, "", "text"])
def test_logs_stay_as_they_are_unless_asked_for(root: logging.Logger, value: str | None) -> None:
    before = list(root.handlers)

    configure_logs({} if value is None else {"FLOE_LOG": value}, io.StringIO())

    assert root.handlers == before


def test_another_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="FLOE_LOG is yaml: set it to json or text"):
        configure_logs({"FLOE_LOG": "yaml"}, io.StringIO())
