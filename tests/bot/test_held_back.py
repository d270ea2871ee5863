"""An approved change that a window or a lock holds back says in Slack for how long it waits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.blocks.elements import format_deadline, format_time
from bot.blocks.status import change_line
from engine.domain.change import Change, ChangeState
from engine.domain.parsing import parse_lock_request
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from tests.bot.samples import RENDERING
from tests.bot.stage import BOB, Stage, block_text, buttons, eventually, stage_in
from tests.scenarios.engines import with_parts
from web.badges import waiting

START = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=30)
END = START + timedelta(hours=3)
_WINDOW = f"""windows:
  - {{name: audit, kind: deny, environments: [prod], dtstart: {START:%Y%m%dT%H%M%SZ},
     dtend: {END:%Y%m%dT%H%M%S}}}
"""


@dataclass
class Later:
    """A clock in the window."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=40)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A server whose changes are carried out by the test."""
    with stage_in(tmp_path, promotion=_WINDOW, worker=False) as built:
        yield built


def approved(stage: Stage) -> Change:
    """A promotion that Bob approved, before it is carried out."""
    stage.command("/promote v1.0.0 prod")
    change = stage.change(ChangeState.CHECKING)
    stage.platform.progression.settle(change, NO_PROGRESS)
    stage.approval_request(change)
    stage.click("floe_approve", change.id, BOB)
    return stage.change(ChangeState.EXECUTING)


def test_change_in_a_closed_window_says_which_one_and_until_when(stage: Stage) -> None:
    change = approved(stage)
    later = with_parts(stage.platform.engine, clock=Later()).runner

    held = replace(stage.platform.progression, runner=later).settle(change, NO_PROGRESS)

    assert held.state is ChangeState.AWAITING_APPROVAL
    assert held.opens_at == END
    closed = f"waits: prod is closed by window 'audit' until {format_time(END)}"
    eventually(lambda: f"Approved, {closed}" in block_text(stage.card()))
    card = block_text(stage.card())
    assert "Waiting for approval" not in card
    assert "It starts on its own once prod opens" in card
    assert f"expires {format_deadline(held.approvals[0].approved_at + timedelta(hours=1))}" in card
    request = eventually(
        lambda: (r := stage.approval_request(change)) and closed in block_text(r) and r
    )
    assert buttons(request) == ["floe_reject"]
    assert f"approved, {closed} · requested by" in change_line(held, RENDERING)
    assert f"closed by window 'audit' until {END:%Y-%m-%d %H:%M}" in waiting(held)


def test_change_in_a_locked_environment_says_when_the_lock_ends(stage: Stage) -> None:
    change = approved(stage)
    engine, alice = stage.platform.engine, stage.operator("alice@acme.com")
    request = parse_lock_request(engine.path, "prod", alice, trace_id(), "INC-1", "2h")
    locked = engine.run(request, NO_PROGRESS)

    held = stage.platform.progression.settle(change, NO_PROGRESS)

    end = locked.record.expires_at
    assert held.opens_at == end
    said = f"Approved, waits until prod is unlocked, at the latest {format_time(end)}"
    eventually(lambda: said in block_text(stage.card()))
    assert "waits for the lock to end until" in waiting(held)


def test_scheduled_change_says_for_when(stage: Stage) -> None:
    at = END + timedelta(hours=1)
    stage.command(f"/promote v1.0.0 prod --at {at:%Y-%m-%dT%H:%M}Z")
    change = stage.change(ChangeState.CHECKING)
    stage.platform.progression.settle(change, NO_PROGRESS)
    stage.approval_request(change)
    stage.click("floe_approve", change.id, BOB)

    eventually(lambda: f"Scheduled for {format_time(at)}" in block_text(stage.card()))
    assert "Waiting for approval" not in block_text(stage.card())
