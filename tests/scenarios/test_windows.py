"""Freeze windows at the request, at an approval, under the lease, and in an audit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from engine.domain.path import PromotionPath
from engine.domain.recurrence import Recurrence
from engine.domain.release_errors import WindowClosedError
from engine.domain.windows import Window, WindowKind
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import messages, stranger_audit
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.engines import NOON, engine_on, path_of, promote
from tests.scenarios.verbs import build_and_promote, roll_back

NOON_LOCAL = NOON.replace(tzinfo=None)


def closed(start: datetime, **length: float) -> Window:
    seconds = int(timedelta(**length).total_seconds())
    return Window("audit", WindowKind.DENY, Recurrence("UTC", start, seconds=seconds))


def freezing(window: Window) -> PromotionPath:
    return path_of("dev", replace(guarded(), windows=(window,)), "prod")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """A platform whose staging closes an hour from ten minutes on."""
    window = closed(NOON_LOCAL + timedelta(minutes=10), minutes=30)
    with stage_on(place, tmp_path, freezing(window)) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def test_request_in_a_closed_window_is_blocked(stage: Stage) -> None:
    stage.later(minutes=11)

    change = stage.ask()

    assert change.state is ChangeState.BLOCKED
    assert change.ended is not None
    assert (change.ended.reason_code, change.ended.exit_code) == ("window_closed", 13)


def test_change_waits_for_approval_while_it_is_closed(stage: Stage) -> None:
    asked = stage.ask()
    stage.later(minutes=11)

    with pytest.raises(WindowClosedError):
        stage.approve(asked)

    assert stage.changes.get(asked.id).state is ChangeState.AWAITING_APPROVAL
    stage.later(minutes=31)
    assert stage.settle(stage.approve(asked)).state is ChangeState.PROMOTED


def test_change_that_is_held_back_expires_with_its_approval(place: Place, tmp_path: Path) -> None:
    window = closed(NOON_LOCAL + timedelta(minutes=10), hours=3)
    with stage_on(place, tmp_path, freezing(window)) as stage:
        place.push(image(b"one"), "v1.0.0-dev")
        approved = stage.approve(stage.ask())
        stage.later(minutes=11)
        stage.settle(approved)
        stage.later(minutes=50)

        (expired,) = stage.changes.expire_due()

        assert "v1.0.0-staging" not in stage.tags()
    assert expired.ended is not None
    assert expired.ended.message == (
        "Expired: window 'audit' kept staging closed until the last approval was an hour old, at "
        f"{NOON + timedelta(hours=1):%Y-%m-%d %H:%M} UTC"
    )


def test_window_that_closes_before_the_write_holds_the_change_back(stage: Stage) -> None:
    approved = stage.approve(stage.ask())
    stage.later(minutes=11)

    waiting = stage.settle(approved)

    assert (waiting.state, waiting.missing_approvals) == (ChangeState.AWAITING_APPROVAL, 0)
    assert waiting.closed_by == "audit"
    assert "v1.0.0-staging" not in stage.tags()
    assert stage.changes.resume_due() == ()
    stage.later(minutes=31)
    (resumed,) = stage.changes.resume_due()
    assert stage.settle(resumed).state is ChangeState.PROMOTED


def test_change_held_back_longer_than_its_approval_expires(stage: Stage) -> None:
    approved = stage.approve(stage.ask())
    stage.later(minutes=11)
    waiting = stage.settle(approved)
    stage.later(hours=2)

    assert stage.changes.resume_due() == ()
    (expired,) = stage.changes.expire_due()

    assert (expired.id, expired.state) == (waiting.id, ChangeState.EXPIRED)


def test_audit_finds_a_promotion_in_a_closed_window(place: Place, tmp_path: Path) -> None:
    """Another floe, which ignores its windows, names the same policy."""
    path = path_of("dev", replace(guarded(0, None), gates=(), authorization=None))
    frozen = path_of(
        "dev", replace(path.environments[1], windows=(closed(NOON_LOCAL - timedelta(1), days=9),))
    )
    with engine_on(place.registry, tmp_path, frozen) as engine:
        lax = replace(engine, runner=replace(engine.runner, path=path))
        build_and_promote(place, lax, "v1.0.0")

        found = stranger_audit(engine, "staging")

    assert "window 'audit' of its policy" in messages(found)


def test_audit_allows_for_clocks_that_differ(place: Place, tmp_path: Path) -> None:
    path = path_of("dev", replace(guarded(0, None), gates=(), authorization=None))
    frozen = path_of("dev", replace(path.environments[1], windows=(closed(NOON_LOCAL, minutes=2),)))
    with engine_on(place.registry, tmp_path, frozen) as engine:
        lax = replace(engine, runner=replace(engine.runner, path=path))
        build_and_promote(place, lax, "v1.0.0")

        assert stranger_audit(engine, "staging").sound


def test_rollback_is_possible_while_promotions_are_not(place: Place, tmp_path: Path) -> None:
    window = closed(NOON_LOCAL + timedelta(minutes=10), minutes=30)
    path = path_of(
        "dev", replace(guarded(0, None), gates=(), authorization=None, windows=(window,))
    )
    with engine_on(place.registry, tmp_path, path) as engine:
        build_and_promote(place, engine, "v1.0.0")
        build_and_promote(place, engine, "v1.1.0")
        engine.runner.clock.time = NOON + timedelta(minutes=15)  # type: ignore[attr-defined]

        back, forward = (roll_back(engine, version, "staging") for version in ("v1.0.0", "v1.1.0"))
        place.push(image(b"two"), "v1.2.0-dev")
        refused = promote(engine, "v1.2.0", "staging")

    assert back.error is None
    assert isinstance(forward.error, WindowClosedError)
    assert isinstance(refused.error, WindowClosedError)


@pytest.mark.parametrize("name", ["rollback", "promote"])
def test_audit_finds_a_rollback_to_a_newer_version_in_a_closed_window(
    place: Place, tmp_path: Path, name: str
) -> None:
    window = closed(NOON_LOCAL + timedelta(hours=3), days=9)
    window = replace(window, operations=frozenset({name}))
    open_window = replace(
        closed(NOON_LOCAL - timedelta(days=9), hours=1),
        name="past",
        operations=frozenset({"rollback"}),
    )
    path = path_of("dev", replace(guarded(0, None), gates=(), authorization=None))
    frozen = path_of("dev", replace(path.environments[1], windows=(window, open_window)))
    with engine_on(place.registry, tmp_path, frozen) as engine:
        lax = replace(engine, runner=replace(engine.runner, path=path))
        build_and_promote(place, lax, "v1.0.0")
        build_and_promote(place, lax, "v1.1.0")
        back = roll_back(lax, "v1.0.0", "staging")
        engine.runner.clock.time = NOON + timedelta(hours=5)  # type: ignore[attr-defined]
        forward = roll_back(lax, "v1.1.0", "staging")

        found = stranger_audit(engine, "staging")

    assert (back.error, forward.error) == (None, None)
    assert messages(found).count("window 'audit' of its policy") == 1
