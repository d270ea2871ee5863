"""An older version promoted from Slack: refused, or allowed with a reason."""

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, block_text

pytestmark = pytest.mark.requirement("SL-001")


@pytest.fixture
def ahead(stage):
    """Prod runs v2.0.0 and never ran v1.0.0; both are in staging."""
    stage.command("/promote v2.0.0 prod")
    change = stage.change(ChangeState.AWAITING_APPROVAL, "v2.0.0")
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED, "v2.0.0")
    return stage


def test_an_older_version_is_refused_with_the_command_that_allows_it(ahead):
    ahead.command("/promote v1.0.0 prod")

    told = ahead.eventually(lambda: [t for t in ahead.private_texts(ALICE) if "precedes" in t])
    assert "/promote v1.0.0 prod --allow-older --reason …" in told[0]


def test_the_approvers_see_that_it_is_older_why_and_what_it_undoes(ahead):
    ahead.command("/promote v1.0.0 --to prod --allow-older --reason “the old line”")

    change = ahead.change(ChangeState.AWAITING_APPROVAL)
    shown = block_text(ahead.approval_request(change))
    assert "v1.0.0 precedes v2.0.0" in shown
    assert "the old line" in shown
    assert "Undoes v2.0.0" in shown
    ahead.click("floe_approve", change.id, BOB)
    assert ahead.change(ChangeState.PROMOTED).overrides.reason == "the old line"
