"""The page on a path with branches."""

from pathlib import Path

from engine.domain.change import ChangeState
from tests.manifests import PARALLEL
from tests.web.stage import BOB, person, stage_in


def test_page_shows_branches_and_counts_versions_behind(tmp_path: Path) -> None:
    with stage_in(tmp_path, edit=PARALLEL) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        early = stage.ask("v1.0.0", "prod")
        stage.ask("v1.0.0", "qa")
        change = stage.ask("v1.0.0", "prod")
        stage.platform.changes.approve(change.id, person(stage.platform, BOB), "web")
        done = stage.settle(change.id)

        page, shown = stage.get("/"), stage.get(f"/changes/{change.id}")

        assert early.state is ChangeState.BLOCKED
        assert done.state is ChangeState.PROMOTED
        assert "after staging and qa" in page
        assert 'class="branch' in page
        assert "staging and qa → prod" in shown
