"""The first page: published versions, and current blockers."""

import pytest

from engine.domain.errors import StaleError
from engine.domain.parsing import parse_promotion_request, parse_unlock_request
from engine.ports import NO_PROGRESS
from tests.builders import image
from tests.peers import oci_layout
from tests.web.stage import ALICE, BOB, TRACE, Stage, person


def test_rejected_change_is_no_blocker(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    change = stage.ask("v1.0.0", "prod")
    assert f'id="obstacle-{change.id}"' in stage.get("/")

    stage.platform.changes.reject(change.id, person(stage.platform, BOB), "not today", "web")

    assert f'id="obstacle-{change.id}"' not in stage.get("/")


def test_stale_change_is_no_blocker(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    change = stage.ask("v1.0.0", "prod")
    assert f'id="obstacle-{change.id}"' in stage.get("/")
    assert pending(stage, "prod") == [change.id]

    oci_layout.write(stage.folder / "registry", image(b"another"), "v1.0.0-staging")
    with pytest.raises(StaleError):
        stage.platform.changes.approve(change.id, person(stage.platform, BOB), "cli")

    assert stage.platform.changes.get(change.id).state.value == "stale"
    assert f'id="obstacle-{change.id}"' not in stage.get("/")
    assert pending(stage, "prod") == []


def test_refusal_by_a_lifted_lock_is_no_blocker(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.lock("staging", "INC-7: checkout is slow")
    change = stage.ask("v1.0.0", "staging")
    page, [_dev, locked, _prod] = first_page(stage)
    assert f'id="obstacle-{change.id}"' in page
    assert page.count("INC-7: checkout is slow") > 1
    assert locked["locked"] is True

    engine, alice = stage.platform.engine, person(stage.platform, ALICE)
    engine.run(parse_unlock_request(engine.path, "staging", alice, TRACE, "solved"), NO_PROGRESS)

    page, [_dev, lifted, _prod] = first_page(stage)
    blocking = page.partition("What's blocking")[2].partition("Latest events")[0]
    assert f'id="obstacle-{change.id}"' not in page
    assert "INC-7" not in blocking
    assert "Nothing is blocking" in blocking
    assert lifted["locked"] is False


def test_only_what_blocks_now_is_a_blocker(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    waits = stage.ask("v1.0.0", "prod")
    refused = stage.ask("v1.0.0", "prod", "mallory@acme.com")
    path, alice = stage.platform.engine.path, person(stage.platform, ALICE)
    runs = parse_promotion_request(path, "v1.0.0", None, "staging", alice, TRACE)
    checking = stage.platform.changes.submit(runs, "cli")
    assert checking.state.value == "checking"

    page, _rows = first_page(stage)

    blocking, _, problems = page.partition("What's blocking")[2].partition("Problems")
    assert f'id="obstacle-{waits.id}"' in blocking
    assert f'id="obstacle-{refused.id}"' in problems
    assert f'id="obstacle-{checking.id}"' not in page
    assert f'id="chip-{checking.id}"' in page


def test_request_for_a_version_that_does_not_exist_is_no_problem(stage: Stage) -> None:
    stage.publish("v1.0.0")
    misspelled = stage.ask("v1.0.1", "staging")
    early = stage.ask("v1.0.0", "prod")
    stage.site.board.expire()

    page = stage.get("/")

    assert misspelled.ended and misspelled.ended.reason_code == "artifact_not_found"
    assert f'id="obstacle-{early.id}"' in page.partition("Problems")[2]
    assert misspelled.id not in page
    assert misspelled.id in stage.get("/changes")


def test_advice_for_beginners_ends_with_the_first_promotion(stage: Stage) -> None:
    before = stage.get("/")
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    stage.site.records.refresh()

    after, _rows = first_page(stage)

    advice = ("floe platform promote v1.2.3", "which needs no promotion", "Builds publish into it")
    assert all(text in before for text in advice)
    assert not any(text in after for text in advice)
    assert "Nothing promoted yet" in after


def first_page(stage: Stage) -> tuple[str, list[dict[str, object]]]:
    """Return the first page and the current status."""
    stage.site.board.expire()
    return stage.get("/"), stage.json("/api/v1/status")


def pending(stage: Stage, environment: str) -> list[str]:
    rows = {row["environment"]: row for row in stage.json("/api/v1/status")}
    return [change["change_id"] for change in rows[environment]["pending"]]


def test_first_environment_shows_the_newest_published_version(stage: Stage) -> None:
    stage.publish("v1.9.0", "v1.10.0")

    page, [dev, staging, _prod] = stage.get("/"), stage.json("/api/v1/status")

    assert '<p class="version">v1.10.0</p>' in page
    assert (dev["published_version"], staging["published_version"]) == ("v1.10.0", None)
