"""A platform with a week of history, on a clock that the program sets."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.api import Engine
from engine.bootstrap import open_engine, open_platform
from engine.bootstrap.refusals import background_recorder
from engine.changes.memberships import People
from engine.config import Config, load_config
from engine.domain.change import Change
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.parsing import parse_promotion_request
from engine.domain.product import UNNAMED
from engine.platform import Platform, Products
from engine.ports import NO_PROGRESS
from tests.builders import Artifact, image
from tests.manifests import manifest
from tests.peers import oci_layout
from tests.scenarios.changing import until
from tests.web.stage import ALICE, BOB, Stage, person
from web.lifecycle import open_web

DAVE, MALLORY = "dave@acme.com", "mallory@acme.com"
# Findings of four severities, none of which blocks.
_REPORT = Path(__file__).parents[2] / "tests/scanners/reports/trivy-mixed.json"
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_GLASS = "break_glass: {groups: [developers], review: {groups: [release-managers]}}"
_GATES = (
    "tests: {command: [sh, -c, 'echo collected 214 items; test ! -e broken && sleep 1.2 && "
    "echo 214 passed || { cat broken; exit 1; }']}",
    "security_scan: {command: [cat, report.json], scanner_format: trivy, "
    "block_on_severity: [CRITICAL]}",
    "cost_analysis: {command: [sh, -c, 'sleep 0.6; echo within the budget']}",
)


class Clock:
    """A clock that starts on a Sunday evening; `later` moves it forward."""

    def __init__(self) -> None:
        self._ahead = datetime(2026, 11, 15, 18, 20, tzinfo=UTC) - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def later(self, **much: float) -> None:
        self._ahead += timedelta(**much)


@contextmanager
def platform_with_a_past(folder: Path) -> Iterator[tuple[Stage, Change]]:
    """Open the platform in `folder`; yield it with its waiting change."""
    oci_layout.write(folder / "registry", image(b"nothing"))
    _write_report(folder / "report.json")
    (folder / "manifest.yaml").write_text(
        manifest(
            *_GATES,
            managers="bob@acme.com",
            promotion=_GLASS,
            interfaces="web: {auth: {mode: proxy}}",
        )
    )
    config, clock = load_config(folder / "manifest.yaml", {}), Clock()
    with (
        ExitStack() as recorders,
        open_engine(config, served=True) as opened,
        open_platform(config, _engine_at(clock, opened, config, recorders)) as platform,
        open_web(_alone(platform, config), config) as app,
        app.test_client() as client,
    ):
        app.extensions["floe"].now = clock.now
        stage = Stage(folder, platform, app, client)
        change = _week(stage, clock)
        stage.site.records.refresh()
        stage.site.board.expire()
        yield stage, change


def _engine_at(clock: Clock, engine: Engine, config: Config, recorders: ExitStack) -> Engine:
    runner = replace(engine.runner, clock=clock)
    refused = background_recorder(config, runner, served=True, stack=recorders)
    return replace(engine, runner=runner, refused=refused)


def _alone(platform: Platform, config: Config) -> Products:
    people = People(config.identity)
    return Products({UNNAMED: platform}, platform.store, platform.worker, people, several=False)


def _week(stage: Stage, clock: Clock) -> Change:
    for number in range(8):
        stage.publish(f"v1.4.{number}", artifact=_release(number))
    for number in range(5):
        who, other = (ALICE, DAVE) if number % 2 else (DAVE, ALICE)
        _ask(stage, f"v1.4.{number}", "staging", who)
        clock.later(hours=3, minutes=17 * number)
        if number in (0, 2, 3):
            change = _ask(stage, f"v1.4.{number}", "prod", other)
            clock.later(minutes=11)
            stage.platform.changes.approve(change.id, person(stage.platform, BOB), "slack")
            stage.settle(change.id)
        clock.later(hours=15, minutes=23)
    stage.roll_back("v1.4.2", "prod", "INC-41: checkout answers with 5xx since the release")
    clock.later(hours=2)
    _ask(stage, "v1.4.5", "staging", ALICE)
    clock.later(hours=9)
    _ask(stage, "v1.4.4", "prod", MALLORY)
    assert until(lambda: stage.platform.engine.history("prod", 1)[0].record.kind == "refusal")
    clock.later(hours=5)
    _ask(stage, "v1.4.6", "staging", DAVE)
    clock.later(minutes=40)
    change = _ask(stage, "v1.4.6", "prod", ALICE)
    clock.later(minutes=14)
    reason = "INC-57: checkout is slow. Nothing goes to staging until the load test has ended."
    stage.lock("staging", reason, "2h")
    clock.later(minutes=6)
    return change


def fail_a_gate(stage: Stage) -> Change:
    """Promote v1.4.5 to prod while its tests fail."""
    broken = stage.folder / "broken"
    broken.write_text("FAILED tests/test_checkout.py::test_total - assert 41 == 42\n1 failed\n")
    change = _ask(stage, "v1.4.5", "prod", DAVE)
    broken.unlink()
    return change


def break_glass(stage: Stage) -> Change:
    """Promote v1.4.5 to prod in an incident, which another person must review."""
    reason = "The fix of INC-57 cannot wait for an approval"
    return _ask(stage, "v1.4.5", "prod", ALICE, Overrides(reason=reason, incident="INC-57"))


def _ask(
    stage: Stage, version: str, target: str, who: str, overrides: Overrides = NO_OVERRIDES
) -> Change:
    path = stage.platform.engine.path
    asked = parse_promotion_request(
        path, version, None, target, person(stage.platform, who), _TRACE, overrides
    )
    change = stage.platform.changes.submit(asked, "slack")
    return stage.platform.progression.settle(change, NO_PROGRESS)


def _release(number: int) -> Artifact:
    schedule = {"schedule": "hourly"} if number < 6 else {}
    content = {"product": {"id": "sales-mart", "name": "Sales mart"}, **schedule}
    return image(
        json.dumps({**content, "limits": {"memory": 512 * number}}).encode(),
        b"base",
        layer_type="application/json",
        annotations={
            "org.opencontainers.image.version": f"v1.4.{number}",
            "org.opencontainers.image.revision": f"{number}c0ffee{number}",
        },
    )


def _write_report(file: Path) -> None:
    report = json.loads(_REPORT.read_text())
    for result in report["Results"]:
        found = result.get("Vulnerabilities") or []
        result["Vulnerabilities"] = [each for each in found if each.get("Severity") != "CRITICAL"]
    file.write_text(json.dumps(report))
