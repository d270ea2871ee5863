"""Slack on a path with branches: commands, cards and status."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.blocks.rendering_context import RenderingContext
from bot.blocks.status import render_status
from engine.config.people import SlashCommands
from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, Stage, block_text, stage_in
from tests.manifests import PARALLEL


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Prod follows staging and qa; v1.0.0 is in staging."""
    with stage_in(tmp_path) as built:
        file = tmp_path / "manifest.yaml"
        file.write_text(file.read_text().replace(*PARALLEL))
        built.restart()
        yield built


def test_version_needs_both_branches_and_the_card_names_them(stage: Stage) -> None:
    stage.command("/promote v1.0.0 prod")
    refused = stage.eventually(lambda: [t for t in stage.private_texts(ALICE) if "takes" in t])
    assert "qa does not have it" in refused[0]
    assert "/promote v1.0.0 qa" in refused[0]

    stage.command("/promote v1.0.0 qa")
    stage.eventually(lambda: stage.platform.engine.status("qa")[0].state.version)
    stage.command("/promote v1.0.0 qa prod")

    change = stage.change(ChangeState.AWAITING_APPROVAL)
    assert "staging and qa → prod" in block_text(stage.approval_request(change))
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED)
    platform = stage.platform
    rendering = RenderingContext(platform.engine.path, SlashCommands())
    status = render_status(platform.engine.status(), (), platform.engine.now(), rendering)
    assert "after staging and qa" in block_text({"blocks": status.blocks})
