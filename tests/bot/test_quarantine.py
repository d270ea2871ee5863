"""Slack names who quarantined a version, and the command that releases it."""

from bot.blocks.rendering_context import RenderingContext
from bot.blocks.status import render_status
from engine.config.people import SlashCommands
from engine.domain.change import ChangeState
from engine.domain.parsing import parse_rollback_request
from engine.ports import NO_PROGRESS
from tests.bot.stage import ALICE, Stage, block_text


def test_quarantined_version_is_refused_with_the_release_command(stage: Stage) -> None:
    engine = stage.platform.engine
    request = parse_rollback_request(
        engine.path, "v1.0.0", "staging", stage.operator("dave@acme.com"), "1" * 32, "INC-42"
    )
    assert engine.run(request, NO_PROGRESS).error is None

    stage.command("/promote v2.0.0 prod")

    [refused] = stage.eventually(lambda: [t for t in stage.private_texts(ALICE) if "INC-42" in t])
    assert "quarantined there and in later environments" in refused
    assert "floe platform release v2.0.0 --env staging --reason …" in refused
    status = render_status(
        engine.status(), (), engine.now(), RenderingContext(engine.path, SlashCommands())
    )
    assert "v2.0.0 is quarantined by dave@acme.com" in block_text({"blocks": status.blocks})

    stage.command("/promote v2.0.0 prod --override-rollback --reason “it was the config”")
    change = stage.change(ChangeState.AWAITING_APPROVAL, "v2.0.0")
    assert "it was the config" in block_text(stage.approval_request(change))
