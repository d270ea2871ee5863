"""A scheduled change on the page: its time, and the forms that move and cancel it."""

from dataclasses import replace
from datetime import timedelta

from engine.domain.change import ChangeState
from engine.domain.parsing import parse_promotion_request
from engine.ports import NO_PROGRESS
from tests.web.stage import ALICE, TRACE, Stage, person


def test_page_moves_and_cancels_a_scheduled_change(behind_proxy: Stage) -> None:
    stage, platform = behind_proxy, behind_proxy.platform
    stage.publish("v1.0.0")
    now = platform.engine.now()
    at, later = now + timedelta(days=2), now + timedelta(days=3)
    request = parse_promotion_request(
        platform.engine.path, "v1.0.0", None, "staging", person(platform, ALICE), TRACE
    )
    submitted = platform.changes.submit(replace(request, scheduled_at=at), "cli")
    change = platform.progression.settle(submitted, NO_PROGRESS)
    place = f"/changes/{change.id}"

    page = stage.get(place, who=ALICE)
    stage.post(f"{place}/reschedule", ALICE, place, at=f"{later:%Y-%m-%dT%H:%M}Z")
    moved = platform.changes.get(change.id)
    refused = stage.post(f"{place}/reschedule", ALICE, place, at="tomorrow")
    stage.post(f"{place}/cancel", ALICE, place)

    assert change.state is ChangeState.SCHEDULED
    assert f"scheduled for {at:%Y-%m-%d %H:%M}".lower() in page.lower()
    assert "Another time" in page
    assert moved.scheduled_at == later.replace(second=0, microsecond=0)
    assert refused.status_code == 303
    assert platform.changes.get(change.id).state is ChangeState.CANCELLED
