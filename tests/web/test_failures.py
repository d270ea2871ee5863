"""The page shows why a promotion failed: its last lines, all of them, and failures of commands."""

import re
from pathlib import Path

import pytest

from engine.changes.direct import carry_out
from engine.domain.errors import ArtifactNotFoundError
from engine.domain.parsing import parse_promotion_request
from engine.domain.product import UNNAMED
from engine.ports import NO_PROGRESS
from tests.web.stage import ALICE, BOB, PROXY, TRACE, Stage, person, stage_in

pytestmark = pytest.mark.requirement("WB-001")


def test_failed_gate_shows_its_last_lines_and_leads_to_all(tmp_path: Path) -> None:
    prints = "i=1; while [ $i -le 60 ]; do echo line-$i-; i=$((i+1)); done; exit 3"
    with stage_in(tmp_path, PROXY, tests=prints) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        change = stage.ask("v1.0.0", "prod")
        page = stage.get(f"/changes/{change.id}", BOB)
        link = re.search(r'href="([^"]*/output/tests)"', page)
        whole = stage.get(link[1], BOB) if link else ""

    assert ("line-20-" in page, "line-21-\n" in page, "line-60-" in page) == (False, True, True)
    # The message in Slack links to this place.
    assert 'id="output-tests"' in page
    assert whole.splitlines() == [f"line-{number}-" for number in range(1, 61)]


def test_failed_promotion_of_the_command_line_has_a_row_and_a_page(behind_proxy: Stage) -> None:
    platform = behind_proxy.platform
    who, path = person(platform, ALICE), platform.engine.path
    request = parse_promotion_request(path, "v9.9.9", None, "staging", who, TRACE)
    with pytest.raises(ArtifactNotFoundError):
        carry_out(platform.engine.runner, platform.store, request, "cli", NO_PROGRESS, UNNAMED)

    listed = behind_proxy.get("/changes", BOB)
    shown = behind_proxy.get(f"/changes/{behind_proxy.platform.store.recent(1)[0].id}", BOB)

    assert "v9.9.9" in listed
    assert "failed" in listed
    assert "v9.9.9" in shown
