"""Waivers on the page: decided like other changes, and shown beside their environment."""

from engine.domain.change import ChangeState
from engine.domain.trace import trace_id
from engine.domain.waiver_parsing import parse_unwaive_request, parse_waive_request
from engine.ports import NO_PROGRESS
from tests.waivers.kit import CVE, soon
from tests.web.stage import ALICE, BOB, Stage, person
from tests.web.test_pages import refresh


def waive(stage: Stage) -> str:
    engine = stage.platform.engine
    alice, terms = person(stage.platform, ALICE), (CVE, None, soon(), "not reachable")
    request = parse_waive_request(engine.path, "prod", alice, trace_id(), *terms)
    change = stage.platform.changes.submit(request, "cli")
    return stage.platform.progression.settle(change, NO_PROGRESS).id


def test_waiver_is_approved_on_the_page_and_shown_until_it_ends(behind_proxy: Stage) -> None:
    behind_proxy.publish("v1.0.0")
    place = f"/changes/{waive(behind_proxy)}"
    page = behind_proxy.get(place, BOB)
    assert f"{CVE} until {soon()}" in page
    assert "not reachable" in page
    assert "Differences from" not in page

    behind_proxy.post(f"{place}/approve", BOB, place)
    assert behind_proxy.settle(place.rpartition("/")[2]).state is ChangeState.PROMOTED
    refresh(behind_proxy)

    assert "waived" in behind_proxy.get(place, BOB)
    assert "1 waived" in behind_proxy.get("/", BOB)
    assert f"{CVE} until {soon()} in prod" in behind_proxy.get("/history", BOB)

    path, alice = behind_proxy.platform.engine.path, person(behind_proxy.platform, ALICE)
    ended = parse_unwaive_request(path, "prod", alice, trace_id(), CVE, None, "fixed")
    assert behind_proxy.platform.engine.run(ended, NO_PROGRESS).error is None
    refresh(behind_proxy)
    assert "1 waived" not in behind_proxy.get("/", BOB)
