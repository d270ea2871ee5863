"""A request is carried out within an hour or not at all, and never on top of a newer one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.state import FileLeases
from engine.changes.workflow import Progression
from engine.domain.artifact import Tag
from engine.domain.change import Change, ChangeState
from engine.domain.errors import AuditUnavailableError, ConflictError
from engine.domain.record import AnyRecord
from engine.ports.audit_backend import AuditBackendPlugin
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.engines import path_of, promotion, with_parts
from tests.scenarios.verbs import kinds, lock, roll_back, unlock

VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """Staging needs no approval."""
    with stage_on(place, tmp_path, path_of("dev", guarded(required=0, groups=None))) as built:
        push_versions(built)
        yield built


@pytest.fixture
def approved(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """Staging needs one approval."""
    with stage_on(place, tmp_path) as built:
        push_versions(built)
        yield built


def push_versions(stage: Stage) -> None:
    for version in VERSIONS:
        stage.place.push(image(version.encode()), f"{version}-dev")


def submit(stage: Stage, version: str) -> Change:
    request = promotion(stage.engine, version, "staging", stage.members.operator("alice"))
    return stage.changes.submit(
        replace(request, trace_id=f"{version[1:]:0>32}".replace(".", "0")), "cli"
    )


def check(stage: Stage, version: str) -> Change:
    """Return a checked change that is ready to be carried out."""
    change = stage.platform.progression.advance(submit(stage, version), stage.progress)
    assert change.state is ChangeState.EXECUTING
    return change


def running(stage: Stage) -> str | None:
    return stage.engine.status()[1].state.version


class Unreachable(AuditBackendPlugin):
    """An audit backend that is down."""

    def append(self, record: AnyRecord) -> None:
        raise AuditUnavailableError(f"the audit backend answers 503 to {record.id}")

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        raise AuditUnavailableError(f"no {limit} records of {environment}: it answers 503")


def test_request_older_than_an_hour_is_not_checked(stage):
    old = submit(stage, "v1.0.0")
    stage.settle(submit(stage, "v1.1.0"))
    stage.later(days=45)

    ended = stage.settle(old)

    assert ended.state is ChangeState.EXPIRED
    assert "within an hour" in ended.ended.message
    assert ended.ended.exit_code == 15
    assert running(stage) == "v1.1.0"
    assert "expired" in [event.kind for event in stage.platform.store.events_of(old.id)]


def test_checked_request_older_than_an_hour_is_not_carried_out(stage):
    old = check(stage, "v1.0.0")
    before = stage.tags()
    stage.later(minutes=61)

    assert stage.settle(old).state is ChangeState.EXPIRED
    assert stage.tags() == before


def test_server_expires_old_requests_without_working_on_them(stage):
    old = submit(stage, "v1.0.0")
    stage.later(minutes=61)

    assert [change.id for change in stage.changes.expire_due()] == [old.id]
    assert stage.changes.get(old.id).state is ChangeState.EXPIRED


def test_repeated_request_replaces_one_that_is_too_old(stage):
    old = submit(stage, "v1.0.0")
    stage.later(hours=2)

    again = submit(stage, "v1.0.0")

    assert again.id != old.id
    assert stage.settle(again).state is ChangeState.PROMOTED


def test_approved_change_has_an_hour_from_its_approval(approved):
    late, too_late = approved.ask("v1.0.0"), None
    approved.later(minutes=50)
    late = approved.approve(late)
    approved.later(minutes=50)
    assert approved.settle(late).state is ChangeState.PROMOTED

    too_late = approved.approve(approved.ask("v1.1.0"))
    approved.later(minutes=61)

    assert approved.settle(too_late).state is ChangeState.EXPIRED
    assert running(approved) == "v1.0.0"


def test_change_stopped_by_a_lock_is_not_resumed_an_hour_after_its_approval(approved):
    decided = approved.approve(approved.ask("v1.0.0"))
    lock(approved.engine, "staging", approved.members.operator("carol"))
    assert approved.settle(decided).state is ChangeState.AWAITING_APPROVAL
    approved.later(minutes=59, seconds=50)
    unlock(approved.engine, "staging", approved.members.operator("carol"))
    approved.later(seconds=20)

    resumed = approved.changes.resume_due()

    assert resumed == ()
    assert [change.id for change in approved.changes.expire_due()] == [decided.id]


def test_change_on_the_ledger_is_completed_at_any_age(stage):
    stage.settle(submit(stage, "v1.0.0"))
    change = check(stage, "v1.1.0")
    plan = stage.platform.progression._plan_execution(change)
    assert stage.engine.execute(plan, stage.progress).error is None
    before = stage.engine.runner.registry.fetch(Tag("v1.0.0-staging"))
    stage.engine.runner.registry.put(before, Tag("latest-staging"))
    stage.later(days=2)

    ended = stage.settle(change)

    assert ended.state is ChangeState.PROMOTED
    assert ended.record_id is not None
    assert stage.engine.status()[1].latest == plan_digest(stage, "v1.1.0")


def plan_digest(stage: Stage, version: str):
    return stage.engine.runner.registry.resolve(Tag(f"{version}-staging"))


def test_effective_change_is_promoted_although_another_version_followed(stage):
    change = check(stage, "v1.0.0")
    assert (
        stage.engine.execute(
            stage.platform.progression._plan_execution(change), stage.progress
        ).error
        is None
    )
    stage.settle(submit(stage, "v1.1.0"))
    stage.later(days=2)

    ended = stage.settle(change)

    assert ended.state is ChangeState.PROMOTED
    assert running(stage) == "v1.1.0"
    assert kinds(stage.engine) == ["promotion", "promotion"]


def test_older_of_two_requests_never_ends_on_top_of_the_newer(stage):
    older = check(stage, "v1.0.0")
    down = replace(
        stage.platform.progression,
        runner=replace(stage.engine.runner, audit_backend=Unreachable()),
    )
    with pytest.raises(AuditUnavailableError):
        down.advance(older, stage.progress)
    newer = submit(stage, "v1.1.0")
    assert stage.settle(newer).state is ChangeState.PROMOTED

    ended = stage.settle(older)

    assert ended.state is ChangeState.STALE
    assert "v1.1.0" in ended.ended.message
    assert running(stage) == "v1.1.0"


def test_older_request_is_stale_before_it_is_checked(stage):
    older = submit(stage, "v1.0.0")
    stage.settle(submit(stage, "v1.1.0"))

    assert stage.settle(older).state is ChangeState.STALE


def test_newer_request_follows_an_older_one_that_was_carried_out_later(stage):
    older, newer = submit(stage, "v1.0.0"), submit(stage, "v1.1.0")

    assert stage.settle(older).state is ChangeState.PROMOTED
    assert stage.settle(newer).state is ChangeState.PROMOTED
    assert running(stage) == "v1.1.0"


def test_rollback_made_after_the_request_is_newer(stage):
    stage.settle(submit(stage, "v1.0.0"))
    stage.settle(submit(stage, "v1.1.0"))
    waits = check(stage, "v1.2.0")
    roll_back(stage.engine, "v1.0.0", "staging", stage.members.operator("alice"))

    assert stage.settle(waits).state is ChangeState.STALE
    assert running(stage) == "v1.0.0"


def test_age_of_a_request_counts_from_its_acceptance(stage):
    accepted = stage.clock.now()
    stage.settle(submit(stage, "v1.1.0"))
    request = promotion(stage.engine, "v1.0.0", "staging", stage.members.operator("alice"))

    change = stage.changes.submit(replace(request, asked_at=accepted), "slack")

    assert change.created_at == accepted
    assert stage.settle(change).state is ChangeState.STALE


def test_record_has_the_time_of_its_request(stage):
    change = submit(stage, "v1.0.0")
    stage.later(minutes=5)
    stage.settle(change)

    [newest] = stage.engine.history("staging", 1)

    assert newest.record.requested_at == change.created_at
    assert newest.record.at - newest.record.requested_at > timedelta(minutes=5)


@pytest.fixture
def busy(stage: Stage, tmp_path: Path) -> Iterator[Progression]:
    """A platform that gets no lease of staging, so it cannot know whether it wrote."""
    engine = with_parts(stage.engine, leases=FileLeases(tmp_path / "leases", wait_seconds=0))
    with FileLeases(tmp_path / "leases").hold("staging"):
        yield replace(stage.platform.progression, runner=engine.runner)


def test_execution_that_fails_for_less_than_a_day_stays_open(stage, busy):
    change = check(stage, "v1.0.0")
    stage.later(hours=23, minutes=50)

    with pytest.raises(ConflictError):
        busy.advance(change, stage.progress)

    assert stage.changes.get(change.id).state is ChangeState.EXECUTING


def test_execution_that_fails_for_a_day_has_failed_with_its_error(stage, busy):
    change = check(stage, "v1.0.0")
    stage.later(hours=24, minutes=10)

    ended = busy.advance(change, stage.progress)

    assert ended.state is ChangeState.FAILED
    assert ended.ended.error == "ConflictError"
    assert ended.ended.exit_code == 10
