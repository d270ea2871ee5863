"""The status shows the health that systems that deploy reported."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.changes.deployment_events import measure_rollouts
from tests.scenarios.commands import Floe
from tests.web.stage import ALICE, Stage, stage_in
from tests.web.test_deployments import HEALTHY, OTHER, REPORTS, SECRET, send

AS_ALICE = {"X-Forwarded-Email": ALICE}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A platform with v1.0.0 in staging that takes signed reports."""
    with stage_in(tmp_path, REPORTS, secret=SECRET) as running:
        running.publish("v1.0.0", "v1.1.0")
        running.ask("v1.0.0", "staging")
        running.site.records.refresh()
        yield running


def test_api_and_command_show_reported_health(stage: Stage) -> None:
    send(stage, HEALTHY)
    send(stage, HEALTHY | {"target": "eu-2", "health": "failed"})

    dev, staging, prod = stage.json("/api/v1/status", **AS_ALICE)
    alone = stage.json("/api/v1/environments/staging", **AS_ALICE)
    floe = Floe(stage.folder, {"OIDC_SECRET": SECRET})
    table = floe.run("platform", "status").out
    printed = floe.run("platform", "status", "--output", "json").document

    health = staging["health"]
    assert health["summary"] == "1 of 2 clusters healthy, 1 failed: eu-2"
    assert (health["healthy"], health["failed"], health["total"]) == (1, 1, 2)
    assert [each["target"] for each in health["targets"]] == ["eu-1", "eu-2"]
    assert "health" not in dev and "health" not in prod
    assert alone["health"] == health
    assert printed[1]["health"] == health
    assert "1 of 2 clusters healthy" in " ".join(table.split())


def test_health_of_an_earlier_version_is_not_that_of_the_new_one(stage: Stage) -> None:
    send(stage, HEALTHY)
    stage.ask("v1.1.0", "staging")
    stage.site.records.refresh()
    stage.site.board.expire()

    ignored = send(stage, HEALTHY | {"target": "eu-2"})
    staging = stage.json("/api/v1/status", **AS_ALICE)[1]

    assert ignored.json["accepted"] == []
    assert staging["health"]["summary"] is None
    assert (staging["health"]["healthy"], staging["health"]["total"]) == (0, 1)
    assert send(stage, HEALTHY | {"digest": OTHER}).json["accepted"] == ["staging"]


def test_charts_show_the_first_time_of_health_and_failures(stage: Stage) -> None:
    """The second report of health, hours later, does not move the time of the first one."""
    unreported = stage.get("/delivery?environment=staging", ALICE)
    now = stage.platform.engine.now()
    for minutes, health in ((2, "healthy"), (4, "failed"), (5, "healthy")):
        at = (now + timedelta(minutes=minutes, seconds=-10)).isoformat()
        assert send(stage, HEALTHY | {"health": health, "at": at}).status_code == 202
    [reported] = measure_rollouts(stage.platform.store, "staging", now - timedelta(days=1))

    page = stage.get("/delivery?environment=staging", ALICE)

    assert "No system reported the health" in unreported
    assert reported.failed and timedelta(seconds=90) < (reported.took or timedelta(0))
    assert (reported.took or timedelta(0)) < timedelta(minutes=3)
    assert "1 of 1 rollout failed somewhere: 100%." in page
    assert "Median 1." in page.partition("Time to healthy")[2]
