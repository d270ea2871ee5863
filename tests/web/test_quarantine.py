"""The page and the API show quarantined versions."""

from engine.domain.change import ChangeState
from tests.web.stage import Stage


def test_page_shows_the_quarantine_and_a_change_that_it_blocks(stage: Stage) -> None:
    stage.publish("v1.0.0", "v1.1.0")
    for version in ("v1.0.0", "v1.1.0"):
        stage.ask(version, "staging")
    stage.roll_back("v1.0.0", "staging")

    blocked = stage.ask("v1.1.0", "prod")

    assert blocked.state is ChangeState.BLOCKED
    assert blocked.ended is not None
    assert blocked.ended.reason_code == "quarantined"
    assert "v1.1.0 quarantined" in stage.get("/")
    page = stage.get(f"/changes/{blocked.id}")
    assert "floe platform release v1.1.0 --env staging --reason" in page
    _, staging, _ = stage.json("/api/v1/status")
    assert [each["version"] for each in staging["quarantined"]] == ["v1.1.0"]
