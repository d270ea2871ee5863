"""Every ended change has one error type, in JSON, for late clicks and in the audit."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.audit.loading import open_backend
from engine.api import Engine
from engine.domain.change import Change, ChangeState
from engine.domain.errors import ChangeClosedError, PromotionError
from engine.domain.record import RefusalRecord
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from engine.responses.change import ChangeResponse
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, stage_on


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[AuditBackendPlugin]:
    with closing(open_backend("database", AuditSettings(tmp_path, path=tmp_path / "a.db"))) as kept:
        yield kept


@pytest.fixture
def stage(place: Place, tmp_path: Path, copies: AuditBackendPlugin) -> Iterator[Stage]:
    with stage_on(place, tmp_path) as built:
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


def reject(stage: Stage) -> Change:
    bob = stage.members.operator("bob")
    return stage.changes.reject(stage.ask().id, bob, "not today", "cli")


def cancel(stage: Stage) -> Change:
    return stage.changes.cancel(stage.ask().id, stage.members.operator("alice"), "cli")


def supersede(stage: Stage) -> Change:
    asked = stage.ask()
    stage.ask("v2.0.0")
    return stage.changes.get(asked.id)


def expire_undecided(stage: Stage) -> Change:
    asked = stage.ask()
    stage.later(hours=2)
    stage.changes.expire_due()
    return stage.changes.get(asked.id)


def expire_approved(stage: Stage) -> Change:
    approved = stage.approve(stage.ask())
    stage.later(hours=2)
    return stage.settle(approved)


def stale_at_the_click(stage: Stage) -> Change:
    asked = stage.ask()
    stage.place.push(image(b"another"), "v1.0.0-dev")
    with pytest.raises(PromotionError) as clicked:
        stage.approve(asked)
    assert clicked.value.kind == "StaleError"
    assert clicked.value.details["differences"]
    return stage.changes.get(asked.id)


def stale_at_execution(stage: Stage) -> Change:
    approved = stage.approve(stage.ask())
    stage.place.push(image(b"another"), "v1.0.0-dev")
    return stage.settle(approved)


ENDS: dict[Callable[[Stage], Change], tuple[ChangeState, str, str]] = {
    reject: (ChangeState.REJECTED, "RejectedError", "rejected"),
    cancel: (ChangeState.CANCELLED, "CancelledError", "cancelled"),
    supersede: (ChangeState.SUPERSEDED, "SupersededError", "superseded"),
    expire_undecided: (ChangeState.EXPIRED, "ExpiredError", "expired"),
    expire_approved: (ChangeState.EXPIRED, "ExpiredError", "expired"),
    stale_at_the_click: (ChangeState.STALE, "StaleError", "stale"),
    stale_at_execution: (ChangeState.STALE, "StaleError", "stale"),
}


@pytest.mark.parametrize("end", ENDS)
def test_document_of_an_ended_change_has_the_type_of_its_end(stage, end):
    state, kind, reason_code = ENDS[end]

    change = end(stage)

    error = ChangeResponse.of(change).document()["error"]
    assert change.state is state
    assert (error["type"], error["reason_code"], error["exit_code"]) == (kind, reason_code, 15)
    assert error["details"]["state"] == state.value


@pytest.mark.parametrize("end", [stale_at_the_click, stale_at_execution])
def test_stale_change_names_the_same_differences_at_every_stage(stage, end):
    error = ChangeResponse.of(end(stage)).document()["error"]

    [difference] = error["details"]["differences"]
    assert difference.startswith("digest: sha256:")


@pytest.mark.parametrize("end", ENDS)
def test_late_decision_is_refused_with_the_type_of_the_end(stage, end):
    _, kind, _ = ENDS[end]
    change = end(stage)

    with pytest.raises(ChangeClosedError, match="it does not wait for approval") as refused:
        stage.approve(change, "carol")

    assert refused.value.kind == kind
    assert refused.value.details.get("differences") == (
        change.ended.details["differences"] if kind == "StaleError" else None
    )


@pytest.mark.requirement("FR-025")
@pytest.mark.parametrize("end", [end for end in ENDS if end is not reject])
def test_audit_report_names_the_end_as_its_rule(stage, copies, end):
    change = end(stage)

    [report] = [r for r in copies.query_history("staging", 10) if isinstance(r, RefusalRecord)]
    assert report.rule == ENDS[end][2]
    assert report.message == change.ended.message


def test_change_ended_by_an_earlier_version_has_the_type_of_its_end(stage):
    rejected = reject(stage)
    old = rejected.model_copy(
        update={"ended": rejected.ended.model_copy(update={"error": None, "details": {}})}
    )

    assert ChangeResponse.of(old).document()["error"]["type"] == "RejectedError"
