"""Metrics and logs of `floe serve`."""

import json
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.stage import ALICE, SECRET, eventually
from tests.bot.test_serve import platform_in, post, serve, served

pytestmark = pytest.mark.requirement("FR-024")
_SERIES = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


def scrape(url: str) -> dict[str, float]:
    """Read all series and values; every line is a series or a comment."""
    values = {}
    for line in httpx.get(f"{url}metrics").text.splitlines():
        if not line.startswith("# "):
            found = _SERIES.match(line)
            assert found, line
            values[line.rpartition(" ")[0]] = float(found["value"])
    return values


@pytest.fixture
def slack():
    with fake_slack() as running:
        running.person(ALICE, "alice@acme.com")
        yield running


def test_server_counts_promotions_and_logs_no_secret(tmp_path: Path, slack: FakeSlack) -> None:
    platform_in(tmp_path, '"true"')
    tokens = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.url,
        "FLOE_LOG": "json",
    }
    with serve(tmp_path, **tokens) as process:
        url = served(process)
        assert post(url, slack, "v1.0.0 staging").status_code == 200
        done = 'floe_promotions_total{environment="staging",outcome="promoted"}'

        counted = eventually(lambda: (n := scrape(url)).get(done) and n, 60)
        text = eventually(
            lambda: scrape(url).get('floe_slack_deliveries_total{outcome="delivered"}'), 60
        )

        assert counted[done] == 1
        assert text >= 1
        assert scrape(url)['floe_queue_depth{queue="changes"}'] == 0
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=60)

    logs = [line for line in logged.splitlines() if not line.startswith("WARNING: ")]
    lines = [json.loads(line) for line in logs]
    assert any(line["message"].startswith("recorded promotion") for line in lines)
    traces = {line.get("trace_id") for line in lines if "recorded promotion" in line["message"]}
    assert all(trace and re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)
    for secret in (BOT_TOKEN, SECRET, "trigger-secret", "/secret-"):
        assert secret not in logged
