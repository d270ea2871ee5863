"""After a change ends, its refusal is recorded and its waiting time is counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.adapters.telemetry.metrics import PrometheusMetrics
from engine.bootstrap import open_engine, open_platform
from engine.config import load_config
from engine.domain.change import Change
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource, Operator
from engine.domain.parsing import parse_promotion_request
from engine.platform import Platform
from engine.ports.telemetry import Metrics, NoMetrics
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.changing import until
from tests.scenarios.verbs import refusals_of

pytestmark = pytest.mark.requirement("FR-024", "FR-048")
MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments:
      - {name: dev}
      - name: prod
        authorization: {allowed_groups: [developers]}
        approvals: {required: 2, groups: [release-managers]}
identity:
  groups: {developers: [alice], release-managers: [bob, carol]}
"""


@contextmanager
def run_worker(folder: Path, metrics: Metrics) -> Iterator[Platform]:
    """A platform with a running worker and v1.0.0 built; `metrics` are updated."""
    (folder / "manifest.yaml").write_text(MANIFEST)
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    config = load_config(folder / "manifest.yaml", {})
    with (
        open_engine(config, metrics=metrics, served=True) as engine,
        open_platform(config, engine) as platform,
    ):
        platform.worker.start()
        try:
            yield platform
        finally:
            platform.worker.stop()


def person(platform: Platform, name: str) -> Operator:
    claims = Claims(f"oidc:https://id.example.com#{name}", IdentitySource.OIDC, True, (name,))
    return platform.engine.directory.operator(claims)


def submit_change(platform: Platform, who: str) -> Change:
    path = platform.engine.path
    request = parse_promotion_request(path, "v1.0.0", None, "prod", person(platform, who), "1" * 32)
    change = platform.changes.submit(request, "cli")
    platform.worker.wake()
    return change


def story(platform: Platform, change: Change) -> list[str]:
    return [event.kind for event in platform.store.events_of(change.id)]


def test_wait_for_approval_is_measured_until_the_last_approval(tmp_path: Path) -> None:
    metrics = PrometheusMetrics()
    with run_worker(tmp_path, metrics) as platform:
        change = submit_change(platform, "alice")
        assert until(lambda: "awaiting_approval" in story(platform, change), 60)
        before = metrics.render()
        for who in ("bob", "carol"):
            platform.changes.approve(change.id, person(platform, who), "cli")
        platform.worker.wake()

        counted = 'floe_approval_wait_seconds_count{environment="prod"} 1.0\n'

        assert until(lambda: counted in metrics.render(), 60)
        asked = next(
            e for e in platform.store.events_of(change.id) if e.kind == "awaiting_approval"
        )
        *_, last = platform.changes.get(change.id).approvals
    waited = (last.approved_at - asked.at).total_seconds()
    assert "floe_approval_wait_seconds_count" not in before
    assert f'floe_approval_wait_seconds_sum{{environment="prod"}} {waited!r}\n' in metrics.render()


@dataclass
class RefusalCounter(NoMetrics):
    """Counts the blocked changes."""

    blocked: int = 0

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.blocked += amount if labels.get("outcome") == "blocked" else 0


def test_change_refused_at_its_request_is_recorded_and_counted_once(tmp_path: Path) -> None:
    metrics = RefusalCounter()
    with run_worker(tmp_path, metrics) as platform:
        submit_change(platform, "mallory")

        assert until(lambda: bool(refusals_of(platform.engine)), 60)
        recorded = refusals_of(platform.engine)
    assert (len(recorded), metrics.blocked) == (1, 1)
