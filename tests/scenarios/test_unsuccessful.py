"""Changes without effect are reported to the audit backend, and to no ledger (FR-025)."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.audit.loading import open_backend
from engine.api import Engine
from engine.domain.audit import LEDGERED_RULES
from engine.domain.change import ChangeState
from engine.domain.gate import GateKind
from engine.domain.record import RefusalRecord
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.commands import Floe
from tests.scenarios.engines import ProgressLog, gate, path_of

pytestmark = pytest.mark.requirement("FR-025")


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[AuditBackendPlugin]:
    with closing(open_backend("database", AuditSettings(tmp_path, path=tmp_path / "a.db"))) as kept:
        yield kept


@pytest.fixture
def stage(place: Place, tmp_path: Path, copies: AuditBackendPlugin) -> Iterator[Stage]:
    """The gate of prod fails."""
    strict = replace(guarded(), name="prod", gates=(gate("false", kind=GateKind.TESTS),))
    with stage_on(place, tmp_path, path_of("dev", guarded(), strict)) as built:
        progression = built.platform.progression
        audited = replace(progression.runner, audit_backend=copies)
        built.platform = replace(
            built.platform,
            engine=Engine(audited),
            progression=replace(progression, runner=audited),
            changes=replace(built.platform.changes, runner=audited),
        )
        for version in ("v1.0.0", "v2.0.0"):
            place.push(image(version.encode()), f"{version}-dev")
        yield built


def refusals(copies: AuditBackendPlugin, environment: str) -> list[tuple[str, str | None]]:
    kept = copies.query_history(environment, 10)
    return [(each.rule, each.version) for each in kept if isinstance(each, RefusalRecord)]


def test_superseded_change_is_reported(stage: Stage, copies: AuditBackendPlugin) -> None:
    stage.ask("v1.0.0")
    stage.ask("v2.0.0", who="dave")

    assert refusals(copies, "staging") == [("superseded", "v1.0.0")]
    assert stage.engine.history("staging") == ()


def test_expired_and_cancelled_changes_are_reported(
    stage: Stage, copies: AuditBackendPlugin
) -> None:
    stage.changes.cancel(stage.ask("v1.0.0").id, stage.members.operator("alice"), "cli")
    stage.ask("v2.0.0")
    stage.later(hours=2)
    stage.changes.expire_due()

    assert refusals(copies, "staging") == [("expired", "v2.0.0"), ("cancelled", "v1.0.0")]


def test_failed_gate_is_reported_and_the_audit_expects_no_ledger_entry(
    stage: Stage, copies: AuditBackendPlugin
) -> None:
    stage.settle(stage.approve(stage.ask("v1.0.0")))

    blocked = stage.ask("v1.0.0", "prod")

    assert blocked.state is ChangeState.BLOCKED
    assert refusals(copies, "prod") == [("tests", "v1.0.0")]
    assert stage.engine.history("prod") == ()
    assert stage.engine.verify(None, ProgressLog()).sound


def test_refusal_by_authorization_is_recorded_in_the_ledger(
    stage: Stage, copies: AuditBackendPlugin
) -> None:
    refused = stage.ask(who="mallory")

    assert refused.state is ChangeState.BLOCKED
    assert {found.check for found in refused.findings if found.outcome == "blocked"}.issubset(
        LEDGERED_RULES
    )
    assert refusals(copies, "staging") == []


def test_command_with_a_failed_gate_reports_to_the_backend(
    tmp_path: Path, copies: AuditBackendPlugin
) -> None:
    (tmp_path / "manifest.yaml").write_text(
        """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments: [{name: dev}, {name: staging, gates: {tests: {command: "false"}}}]
    audit: {backend: database, path: a.db}
"""
    )
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")

    ended = Floe(tmp_path).run("platform", "promote", "v1.0.0", "--to", "staging")

    assert ended.code == 8
    assert refusals(copies, "staging") == [("tests", "v1.0.0")]
