"""A scheduled change is checked again at its time, and carried out if it is still agreed to."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.store import SqlStore
from engine.changes.scheduling import Schedule
from engine.domain.change import Change, ChangeState
from engine.domain.errors import AuthorizationError, ConflictError, UsageError
from engine.domain.names import Names
from engine.domain.recurrence import Recurrence
from engine.domain.windows import Window, WindowKind
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.engines import NOON, path_of, promotion
from tests.scenarios.verbs import lock
from tests.store.databases import Databases
from tests.store.stores import crowd

AT = NOON + timedelta(days=3)
HOUR = timedelta(hours=1)


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    with stage_on(place, tmp_path) as built:
        place.push(image(b"zero"), "v0.9.0-dev")
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def schedule(stage: Stage, version: str = "v1.0.0", target: str = "staging") -> Change:
    request = promotion(stage.engine, version, target, stage.members.operator("alice"))
    return stage.settle(stage.changes.submit(replace(request, scheduled_at=AT), "cli"))


def due(stage: Stage) -> tuple[Change, ...]:
    return stage.changes.schedule.start_due(stage.platform.store.open())


def test_change_waits_for_approval_and_then_for_its_time(stage: Stage) -> None:
    asked = schedule(stage)
    assert (asked.state, asked.expires_at) == (ChangeState.AWAITING_APPROVAL, AT)

    approved = stage.approve(asked)

    assert approved.state is ChangeState.SCHEDULED
    stage.later(days=2)
    assert due(stage) == () and stage.changes.expire_due() == ()
    assert stage.settle(approved) == approved
    stage.later(days=1)
    (started,) = due(stage)
    done = stage.settle(started)
    assert (done.state, len(done.approvals)) == (ChangeState.PROMOTED, 1)
    assert "v1.0.0-staging" in stage.tags()
    assert due(stage) == ()


def test_change_without_approval_in_time_expires(stage: Stage) -> None:
    asked = schedule(stage)
    stage.later(days=3)

    (expired,) = stage.changes.expire_due()

    assert (expired.id, expired.state) == (asked.id, ChangeState.EXPIRED)


def test_change_that_was_not_started_in_time_expires(stage: Stage) -> None:
    stage.approve(schedule(stage))
    stage.later(days=3, hours=2)

    assert due(stage) == ()
    assert [each.state for each in stage.changes.expire_due()] == [ChangeState.EXPIRED]


def test_check_that_blocks_at_the_time_ends_the_change(stage: Stage) -> None:
    stage.approve(schedule(stage))
    assert lock(stage.engine, operator=stage.members.operator("carol")).error is None
    stage.later(days=3)

    (started,) = due(stage)
    ended = stage.settle(started)

    assert ended.state is ChangeState.BLOCKED
    assert ended.ended is not None and ended.ended.reason_code == "environment_locked"
    assert "v1.0.0-staging" not in stage.tags()


def test_other_content_at_the_time_makes_it_stale(stage: Stage) -> None:
    stage.approve(schedule(stage))
    stage.place.push(image(b"another"), "v1.0.0-dev")
    stage.later(days=3)

    (started,) = due(stage)

    assert stage.settle(started).state is ChangeState.STALE
    assert "v1.0.0-staging" not in stage.tags()


def test_approval_of_a_person_without_the_right_is_asked_for_again(stage: Stage) -> None:
    stage.approve(schedule(stage))
    stage.members.dismiss("release-managers")
    stage.later(days=3)

    (started,) = due(stage)
    waiting = stage.settle(started)

    assert (waiting.state, waiting.approvals) == (ChangeState.AWAITING_APPROVAL, ())
    assert "v1.0.0-staging" not in stage.tags()


def test_another_approval_counts_for_an_hour_after_the_time(stage: Stage) -> None:
    stage.approve(schedule(stage))
    members = stage.members
    groups = {**members.directory.groups, "release-managers": Names(["carol"])}
    members.directory = replace(members.directory, groups=groups)
    stage.later(days=3)
    (started,) = due(stage)

    waiting = stage.settle(started)
    approved = stage.settle(stage.approve(waiting, "carol"))

    assert (waiting.state, waiting.deadline) == (ChangeState.AWAITING_APPROVAL, AT + HOUR)
    assert approved.state is ChangeState.PROMOTED


def test_requester_and_approver_can_cancel(stage: Stage) -> None:
    for who in ("alice", "bob"):
        approved = stage.approve(schedule(stage))
        cancelled = stage.changes.cancel(approved.id, stage.members.operator(who), "cli")
        assert cancelled.state is ChangeState.CANCELLED


def test_approver_moves_it_and_approvals_stay(stage: Stage) -> None:
    approved = stage.approve(schedule(stage))
    later = AT + timedelta(days=1)

    moved = stage.changes.schedule.reschedule(
        approved.id, stage.members.operator("bob"), later, "cli"
    )

    assert (moved.state, moved.scheduled_at) == (ChangeState.SCHEDULED, later)
    assert len(moved.approvals) == 1


def test_requester_moves_it_and_it_is_approved_again(stage: Stage) -> None:
    approved = stage.approve(schedule(stage))
    later = AT + timedelta(days=1)

    moved = stage.changes.schedule.reschedule(
        approved.id, stage.members.operator("alice"), later, "cli"
    )

    assert (moved.state, moved.approvals) == (ChangeState.AWAITING_APPROVAL, ())
    assert (moved.scheduled_at, moved.expires_at) == (later, later)
    assert stage.approve(moved).state is ChangeState.SCHEDULED


def hold_back(stage: Stage) -> Change:
    """A change whose time has come, and which a window that began during its gates holds back."""
    stage.approve(schedule(stage))
    stage.later(days=3)
    (started,) = due(stage)
    checked = stage.platform.progression.advance(started, stage.progress)
    stage.later(minutes=10)
    return stage.settle(checked)


@pytest.fixture
def closing(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """The stage with a window from five minutes after the time of the change."""
    start = (AT + timedelta(minutes=5)).replace(tzinfo=None)
    freeze = Window("audit", WindowKind.DENY, Recurrence("UTC", start, seconds=86400))
    path = path_of("dev", replace(guarded(), windows=(freeze,)), "prod")
    with stage_on(place, tmp_path, path) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def test_change_that_is_held_back_and_moved_waits_for_its_new_time(closing: Stage) -> None:
    held = hold_back(closing)
    assert (held.state, held.missing_approvals) == (ChangeState.AWAITING_APPROVAL, 0)
    later = AT + timedelta(days=3)

    moved = closing.changes.schedule.reschedule(
        held.id, closing.members.operator("bob"), later, "cli"
    )

    assert (moved.state, moved.scheduled_at) == (ChangeState.SCHEDULED, later)
    assert closing.changes.resume_due() == ()
    assert "v1.0.0-staging" not in closing.tags()
    closing.later(days=3)
    (started,) = due(closing)
    assert closing.settle(started).state is ChangeState.PROMOTED


def test_early_change_is_never_carried_out(closing: Stage) -> None:
    held = hold_back(closing)
    store, later = closing.platform.store, AT + timedelta(days=3)
    early = held.moved(held.state, scheduled_at=later)
    assert store.move(held, early)

    (resumed,) = closing.changes.resume_due()
    checking = resumed.moved(ChangeState.CHECKING)
    assert store.move(resumed, checking)
    executing = checking.moved(ChangeState.EXECUTING)
    assert store.move(checking, executing)
    refused = closing.settle(executing)

    assert (resumed.state, resumed.scheduled_at) == (ChangeState.SCHEDULED, later)
    assert refused.ended is not None and "which has not come" in refused.ended.message
    assert "v1.0.0-staging" not in closing.tags()


def test_others_and_changes_without_a_time_cannot_be_moved(stage: Stage) -> None:
    asked, move = schedule(stage), stage.changes.schedule.reschedule
    with pytest.raises(AuthorizationError):
        move(asked.id, stage.members.operator("dave"), AT, "cli")
    stage.changes.cancel(asked.id, stage.members.operator("alice"), "cli")
    plain = stage.ask()
    with pytest.raises(UsageError, match="no scheduled change"):
        move(plain.id, stage.members.operator("bob"), AT, "cli")
    with pytest.raises(UsageError, match="not in the future"):
        move(asked.id, stage.members.operator("bob"), NOON, "cli")


def test_second_request_with_another_time_is_refused(stage: Stage) -> None:
    schedule(stage)

    with pytest.raises(ConflictError, match="cancel it first"):
        stage.ask()


def test_change_without_approvals_is_scheduled(place: Place, tmp_path: Path) -> None:
    path = path_of("dev", replace(guarded(0, None), gates=()), "prod")
    with stage_on(place, tmp_path, path) as stage:
        place.push(image(b"one"), "v1.0.0-dev")

        scheduled = schedule(stage)

        assert scheduled.state is ChangeState.SCHEDULED
        stage.later(days=3)
        (started,) = due(stage)
        assert stage.settle(started).state is ChangeState.PROMOTED


def test_one_of_two_servers_starts_it(stage: Stage, databases: Databases) -> None:
    stores = [SqlStore(databases.state(), stage.clock) for _ in range(2)]
    checking = stage.approve(schedule(stage)).model_copy(update={"state": ChangeState.CHECKING})
    added = stores[0].add(checking, None)
    assert stores[0].move(added, added.moved(ChangeState.SCHEDULED))
    stage.later(days=3)
    seen = [store.open() for store in stores]
    servers = [Schedule(stage.engine.runner, store) for store in stores]

    with crowd(2) as pool:
        started = list(pool.map(Schedule.start_due, servers, seen))

    assert sorted(map(len, started)) == [0, 1]
    claims = [store.claim(f"w{at}", stage.clock.now(), HOUR) for at, store in enumerate(stores)]
    assert [bool(claim) for claim in claims] == [True, False]


def test_window_is_judged_for_the_time_of_the_change(place: Place, tmp_path: Path) -> None:
    start = NOON.replace(tzinfo=None)
    freeze = Window(
        "audit", WindowKind.DENY, Recurrence("UTC", start - timedelta(days=1), seconds=2 * 86400)
    )
    path = path_of("dev", replace(guarded(), windows=(freeze,)), "prod")
    with stage_on(place, tmp_path, path) as stage:
        place.push(image(b"one"), "v1.0.0-dev")

        assert stage.ask().state is ChangeState.BLOCKED
        assert stage.approve(schedule(stage)).state is ChangeState.SCHEDULED
