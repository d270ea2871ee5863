"""A freeze window stops changes; rollbacks only where its operations say so."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from engine.checks.windows import window, window_for_rollback
from engine.domain.environment import Environment
from engine.domain.finding import Finding, Outcome
from engine.domain.plan import Effect
from engine.domain.recurrence import Recurrence
from engine.domain.release_errors import WindowClosedError
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.domain.windows import Window, WindowKind
from tests.checks.contexts import ALICE, MANIFEST, NOW, REASON, TRACE, V1, V2, entry, judge
from tests.domain.records import a_promotion
from tests.scenarios.engines import path_of

PROMOTION = PromotionRequest(V1, "staging", "prod", ALICE, TRACE)
ROLLBACK = RollbackRequest(V1, "prod", ALICE, TRACE, REASON)
START = NOW.replace(tzinfo=None) - timedelta(hours=1)
AUDIT = Window(
    "audit",
    WindowKind.DENY,
    Recurrence("Europe/Berlin", START + timedelta(hours=1), end=START + timedelta(hours=9)),
    reason="quarterly audit",
    contact="#finance",
)
OVER = replace(AUDIT, times=Recurrence("UTC", datetime(2026, 1, 1), seconds=60))
BOTH = replace(AUDIT, operations=frozenset({"promote", "rollback"}))


def judge_promotion(*windows: Window, effect: Effect = Effect.CHANGE) -> tuple[Finding, ...]:
    path = path_of("dev", "staging", Environment("prod", windows=windows))
    readings = {each.name: "its server answered 500" for each in windows if each.calendar}
    return judge(window, PROMOTION, path, effect=effect, calendars=readings)


def judge_rollback(*windows: Window, forward: bool) -> tuple[Finding, ...]:
    path = path_of("dev", "staging", Environment("prod", windows=windows))
    older, newer = entry(a_promotion(version="v1.0.0")), entry(a_promotion(version="v2.0.0"))
    newer = replace(newer, sequence=2)
    facts = (
        {"promotion": newer, "current_promotion": older}
        if forward
        else {
            "promotion": older,
            "current_promotion": newer,
        }
    )
    return judge(
        window_for_rollback,
        replace(ROLLBACK, version=V2 if forward else V1),
        path,
        target_head=None,
        manifest=MANIFEST,
        effect=Effect.CHANGE,
        calendars={},
        **facts,
    )


def test_refusal_names_window_reason_contact_and_next_opening() -> None:
    (found,) = judge_promotion(AUDIT)

    assert (found.outcome, found.error) == (Outcome.BLOCKED, WindowClosedError)
    assert found.reason == (
        "Environment 'prod' is closed by window 'audit'. Reason: quarterly audit. Contact: "
        "#finance. Try again after 2026-03-01 20:00 Europe/Berlin. Or have a server promote it "
        "then: --at 2026-03-01T20:00:00+01:00"
    )
    assert found.details["opens_at"] == "2026-03-01T19:00:00Z"


def test_refusal_outside_a_window_names_it() -> None:
    later = Recurrence("UTC", datetime(2026, 3, 2, 8), seconds=3600)

    (found,) = judge_promotion(Window("slots", WindowKind.ALLOW, later))

    assert found.reason == (
        "Environment 'prod' is closed outside window 'slots'. Try again after 2026-03-02 08:00 "
        "UTC. Or have a server promote it then: --at 2026-03-02T08:00:00+00:00"
    )


def test_opening_that_is_too_far_away_offers_no_time() -> None:
    months = Recurrence("UTC", datetime(2026, 1, 1), seconds=120 * 86400)

    (found,) = judge_promotion(Window("rebuild", WindowKind.DENY, months))

    assert found.reason.endswith("Try again after 2026-05-01 00:00 UTC")


def test_unreadable_calendar_is_named() -> None:
    (found,) = judge_promotion(Window("holidays", WindowKind.DENY, calendar="x.ics"))

    assert found.reason == (
        "Environment 'prod' is closed by window 'holidays'. Its calendar cannot be read: its "
        "server answered 500. No opening is known: change the windows in manifest.yaml"
    )


def test_open_environment_passes() -> None:
    (found,) = judge_promotion(OVER)

    assert (found.outcome, found.reason) == (Outcome.PASSED, "prod is open")


def test_environment_without_windows_has_no_finding() -> None:
    assert judge_promotion() == ()


@pytest.mark.parametrize("effect", [Effect.COMPLETE, Effect.NOTHING])
def test_recorded_promotion_is_completed_in_a_closed_window(effect: Effect) -> None:
    assert judge_promotion(AUDIT, effect=effect) == ()


def test_rollback_to_a_newer_version_needs_the_windows_of_promotions_too() -> None:
    open_for_rollbacks = replace(OVER, name="over", operations=frozenset({"rollback"}))

    (found,) = judge_rollback(open_for_rollbacks, AUDIT, forward=True)
    (passing,) = judge_rollback(open_for_rollbacks, OVER, forward=True)

    assert (found.blocks, found.details["window"]) == (True, "audit")
    assert not passing.blocks


@pytest.mark.parametrize(
    ("freeze", "forward", "closed"),
    [(AUDIT, False, False), (BOTH, False, True), (AUDIT, True, True), (BOTH, True, True)],
)
def test_rollback_is_possible_unless_it_is_listed_or_goes_forward(
    freeze: Window, forward: bool, closed: bool
) -> None:
    found = judge_rollback(freeze, forward=forward)

    assert [each.blocks for each in found] == ([True] if closed else [])
