"""The alert rules and the dashboard, judged by promtool and by a real answer of /metrics."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from engine.adapters.telemetry import PrometheusMetrics
from engine.bootstrap.observability import render_metrics
from tests.web.stage import Stage, stage_in

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "observability"
ALERTS = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"][0]["rules"]
_NAME = re.compile(r"\bfloe_[a-z_]+")


def promtool(*words: str | Path, text: str = "") -> "subprocess.CompletedProcess[str]":
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return subprocess.run([program, *words], input=text, capture_output=True, text=True)


@pytest.fixture
def scrape(tmp_path: Path) -> str:
    """The answer of /metrics after a promotion to an environment that needs an approval."""
    metrics = PrometheusMetrics()
    with stage_in(tmp_path) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        stage.ask("v1.0.0", "prod")
        return _scraped(stage, metrics)


def _scraped(stage: Stage, metrics: PrometheusMetrics) -> str:
    own = render_metrics(metrics, stage.app.extensions["floe"].products)
    return str(stage.get("/metrics")) + own


def test_rules_are_valid_and_fire_as_their_tests_say() -> None:
    checked = promtool("check", "rules", FILES / "alerts.yaml")
    tested = promtool("test", "rules", FILES / "alerts.test.yaml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test_and_a_runbook() -> None:
    tests = yaml.safe_load((FILES / "alerts.test.yaml").read_text())["tests"]
    fired = {
        case["alertname"]
        for each in tests
        for case in each["alert_rule_test"]
        if case["exp_alerts"]
    }
    page = (ROOT / "docs" / "operating.md").read_text()
    headings = {heading.lower() for heading in re.findall(r"^### (\S+)$", page, re.MULTILINE)}

    assert fired == {rule["alert"] for rule in ALERTS}
    for rule in ALERTS:
        address, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert address.endswith("/docs/operating.md")
        assert anchor in headings, rule["alert"]


def test_scrape_passes_the_linter_of_prometheus(scrape: str) -> None:
    ran = promtool("check", "metrics", text=scrape)

    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_every_metric_of_alerts_and_dashboard_is_served_and_documented(scrape: str) -> None:
    dashboard = (FILES / "dashboard.json").read_text()
    used = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for name in _NAME.findall(dashboard + (FILES / "alerts.yaml").read_text())
    }
    served = set(re.findall(r"^# TYPE (floe_\w+)", scrape, re.MULTILINE))
    documented = set(_NAME.findall((ROOT / "docs" / "telemetry.md").read_text()))

    assert used <= served
    assert served == documented


def test_expressions_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "5m")}
        for number, each in enumerate(expressions)
    ]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    ran = promtool("check", "rules", file)

    assert len(expressions) >= 20
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_scrape_has_waiting_approvals_and_the_store(scrape: str) -> None:
    assert 'floe_approvals_waiting{environment="prod"} 1\n' in scrape
    assert re.search(
        r'^floe_approvals_oldest_seconds\{environment="prod"\} \d', scrape, re.MULTILINE
    )
    assert 'floe_store_up{store="state"} 1.0\n' in scrape
    assert 'floe_queue_depth{queue="changes"} 1.0\n' in scrape
    assert re.search(r'^floe_queue_oldest_seconds\{queue="changes"\} \d', scrape, re.MULTILINE)
