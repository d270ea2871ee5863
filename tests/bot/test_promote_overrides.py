"""Promotions of an older version: refused, or allowed with a reason."""

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, block_text

pytestmark = pytest.mark.requirement("SL-001")


@pytest.fixture
def ahead(stage):
    """Run v2.0.0 in prod, which never ran v1.0.0; both are in staging."""
    stage.command("/promote v2.0.0 prod")
    change = stage.change(ChangeState.AWAITING_APPROVAL, "v2.0.0")
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED, "v2.0.0")
    return stage


def test_older_version_is_refused_with_the_override_command(ahead):
    ahead.command("/promote v1.0.0 prod")

    text = ahead.eventually(lambda: [t for t in ahead.private_texts(ALICE) if "precedes" in t])
    assert "/promote v1.0.0 prod --allow-older --reason …" in text[0]


def test_approvers_see_the_override_its_reason_and_the_impact(ahead):
    ahead.command("/promote v1.0.0 --to prod --allow-older --reason “the old line”")

    change = ahead.change(ChangeState.AWAITING_APPROVAL)
    shown = block_text(ahead.approval_request(change))
    assert "v1.0.0 precedes v2.0.0" in shown
    assert "the old line" in shown
    assert "Undoes v2.0.0" in shown
    ahead.click("floe_approve", change.id, BOB)
    assert ahead.change(ChangeState.PROMOTED).overrides.reason == "the old line"
