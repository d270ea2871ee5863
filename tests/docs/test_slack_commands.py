"""The commands of docs/in-slack.md have their effect when typed in Slack."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.menu import Menu
from bot.parse import parse_lock, parse_promote, parse_promotions, parse_rollback, parse_unlock
from engine.domain.change import ChangeState
from engine.domain.state import EnvironmentState
from tests.bot.fake_slack import fake_slack
from tests.bot.manifest import bot_manifest
from tests.bot.stage import ALICE, BOB, DEPLOYS, Stage
from tests.docs.pages import ROOT, Block, blocks
from tests.scenarios.engines import DEFAULT_PATH

PAGE = ROOT / "docs" / "in-slack.md"
_BEFORE, _, _AFTER = PAGE.read_text().partition("\n## Several products\n")
_FIRST = _BEFORE.count("\n") + 1
_SECTION = range(_FIRST, _FIRST + _AFTER.partition("\n## ")[0].count("\n") + 1)
_ALL = [b for b in blocks("text") if b.page == PAGE]
BLOCKS = [b for b in _ALL if b.line not in _SECTION]
OF_PRODUCTS = [line for b in _ALL if b.line in _SECTION for line in b.text.splitlines()]
PARSERS = {
    "/promote": parse_promote,
    "/rollback": parse_rollback,
    "/lock": parse_lock,
    "/unlock": parse_unlock,
    "/promotions": parse_promotions,
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """v1.2.2 runs in prod, and v1.2.3 in staging."""
    written = bot_manifest(DEPLOYS, promotion="break_glass: {groups: [developers]}")
    (tmp_path / "manifest.yaml").write_text(written)
    with fake_slack() as slack:
        slack.person(ALICE, "alice@acme.com")
        slack.person(BOB, "bob@acme.com")
        stage = Stage(tmp_path, slack)
        for version in ("v1.2.2", "v1.2.3"):
            stage.publish(version)
        stage.start()
        try:
            for version in ("v1.2.2", "v1.2.3"):
                stage.promote_elsewhere(version, "staging")
            release(stage, "v1.2.2")
            yield stage
        finally:
            stage.stop()
            assert slack.refused == [], slack.refused


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_documented_slack_commands_have_their_effect(block: Block, stage: Stage) -> None:
    lines = block.text.splitlines()

    assert lines
    for line in lines:
        EFFECTS[line.split()[0]](stage, line)


def test_documented_slack_commands_are_refused_for_an_unknown_environment(stage: Stage) -> None:
    typed = [line for block in BLOCKS for line in block.text.splitlines() if "prod" in line]
    changes = [each.id for each in stage.platform.store.recent(50)]

    answers = [stage.command(line.replace("prod", "qa")).body for line in typed]

    assert [each for each in answers if "qa" not in each] == []
    assert [each.id for each in stage.platform.store.recent(50)] == changes
    assert prod(stage).lock is None


@pytest.mark.parametrize("line", OF_PRODUCTS)
def test_documented_slack_commands_of_products_name_them(line: str) -> None:
    command, _, text = line.partition(" ")
    menu = Menu({"checkout": DEFAULT_PATH, "search": DEFAULT_PATH}, None)

    meant = PARSERS[command](text, menu, command)

    assert getattr(meant, "product", None) == "checkout" or getattr(meant, "every_product", False)


def promote(stage: Stage, line: str) -> None:
    if line.startswith("/promote waive"):
        waive(stage, line)
        return
    stage.command(line)
    broken = "--break-glass" in line
    state = ChangeState.PROMOTED if broken else ChangeState.AWAITING_APPROVAL
    change = stage.change(state, "v1.2.3")
    assert (change.source, change.target) == ("staging", "prod")


def waive(stage: Stage, line: str) -> None:
    stage.command(line)
    [view] = stage.eventually(lambda: stage.slack.views)
    for part in ("CVE-2026-1", "pkg:npm/lodash", "2026-12-24", "checkout does not call it"):
        assert part in json.dumps(view["blocks"])


def roll_back(stage: Stage, line: str) -> None:
    release(stage, "v1.2.3")
    stage.command(line)
    view = stage.eventually(
        lambda: next((v for v in stage.slack.views if v["callback_id"] != "loading"), None)
    )
    assert "`v1.2.3` → `v1.2.2`" in json.dumps(view["blocks"], ensure_ascii=False)
    assert "checkout answers with 5xx" in json.dumps(view["blocks"])
    stage.submit(view, ALICE, reason="checkout answers with 5xx")
    stage.eventually(lambda: prod(stage).version == "v1.2.2")


def lock(stage: Stage, line: str) -> None:
    stage.command(line)
    held = stage.eventually(lambda: prod(stage).lock)
    assert held.reason == "INC-42: checkout is slow"
    assert held.expires_at is not None


def unlock(stage: Stage, line: str) -> None:
    stage.command(line)
    stage.eventually(lambda: prod(stage).lock is None)


def show(stage: Stage, line: str) -> None:
    stage.command(line)
    found = "Waivers: 0" if "waivers" in line else "prod"
    assert found in stage.eventually(lambda: stage.private_texts(ALICE))[-1]


EFFECTS = {
    "/promote": promote,
    "/rollback": roll_back,
    "/lock": lock,
    "/unlock": unlock,
    "/promotions": show,
}


def prod(stage: Stage) -> EnvironmentState:
    return stage.platform.engine.status()[2].state


def release(stage: Stage, version: str) -> None:
    """Request as Alice and approve as Bob."""
    change = stage.waiting_change(version)
    stage.click("floe_approve", change.id, BOB)
    stage.eventually(lambda: prod(stage).version == version)
