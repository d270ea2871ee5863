"""Freeze windows in Slack: the refusal of a command, and the status."""

from pathlib import Path

from bot.blocks.status import render_status
from engine.domain.state import EMPTY
from engine.domain.status import EnvironmentStatus
from engine.domain.windows import Outlook
from tests.bot.manifest import bot_manifest
from tests.bot.samples import NOON, RENDERING
from tests.bot.stage import ALICE, DEPLOYS, eventually, stage_in
from tests.bot.test_blocks import texts

_FREEZE = """
    windows:
      - {name: audit, kind: deny, environments: [prod], reason: books & audit, contact: "#finance",
         dtstart: 20200101T000000Z, dtend: 20200102T000000, rrule: FREQ=DAILY}
"""


def test_closed_environment_refuses_and_says_why(tmp_path: Path) -> None:
    with stage_in(tmp_path) as stage:
        text = bot_manifest(DEPLOYS).replace("    gate_commands", f"{_FREEZE}    gate_commands")
        (tmp_path / "manifest.yaml").write_text(text)
        stage.restart()

        stage.command("/promote v1.0.0 prod")

        (said,) = eventually(lambda: stage.private_texts(ALICE))

    assert "Environment 'prod' is closed by window 'audit'" in said
    assert "Reason: books &amp; audit. Contact: #finance" in said


def test_status_shows_until_when_an_environment_is_closed() -> None:
    outlook = Outlook("promote", closed_by="audit", opens_at=NOON, zone="UTC")
    row = EnvironmentStatus("prod", EMPTY, None, None, windows=(outlook,))

    shown = " ".join(texts(render_status([row], [], NOON, RENDERING).arguments))

    assert f"closed until {NOON:%Y-%m-%d %H:%M} UTC by 'audit'" in shown
