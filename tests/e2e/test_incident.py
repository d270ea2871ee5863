"""The story of an incident in Slack, from the alert to the review."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.stage import block_ids, buttons
from tests.e2e.shop import break_the_glass, message, release, running_shop
from tests.e2e.workspace import Workspace
from tests.peers.local_slack import ALICE, BOB, CAROL, DEPLOYS, INCIDENT, Json
from tests.scenarios.warm_start import popen

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def shop(tmp_path: Path, registry_host: str) -> Iterator[Workspace]:
    with running_shop(tmp_path, registry_host) as running:
        yield running


@pytest.mark.requirement("SL-004")
def test_incident_from_the_alert_to_the_review(shop: Workspace) -> None:
    release(shop, "v1.0.0")
    release(shop, "v2.0.0")
    shop.slack.say(CAROL, "ALERT: checkout answers with 5xx", INCIDENT)

    locked = lock_everything(shop)
    shop.publish_to_staging("v2.0.1")
    shop.slack.command(ALICE, "/promote checkout v2.0.1 prod")
    shop.private_message(ALICE, "Environment 'prod' is locked")
    roll_back(shop)
    shop.slack.command(ALICE, "/promote checkout v2.0.0 prod")
    shop.private_message(ALICE, "was rolled back from")
    review(shop, break_the_glass(shop))
    unlock_everything(shop, locked)

    with shop.platform() as (engine, _):
        *told, _, _ = [entry.record.kind for entry in engine.history("prod", 20)]
    # The refusals are on record too.
    told = [kind for kind in told if kind != "refusal"]
    assert told == ["unlock", "review", "promotion", "rollback", "lock"]
    audit = ["platform", "audit", "verify", "--product", "checkout"]
    assert popen(audit, shop.folder, {"PATH": "/usr/bin:/bin"}).wait(60) == 0


def lock_everything(shop: Workspace) -> Json:
    """Lock all products with one command; return the message about it."""
    reason = "INC-42: checkout answers with 5xx"
    shop.slack.command(BOB, f"/lock --all prod 30m {reason}", INCIDENT)
    shop.modal("checkout, search")
    assert shop.slack.submit(BOB, reason=reason) == {}
    return message(shop, "Locked (2)", INCIDENT)


def roll_back(shop: Workspace) -> None:
    """Roll back after a look at the impact; the lock does not stop it."""
    shop.slack.command(ALICE, "/rollback checkout v1.0.0 prod", INCIDENT)
    assert "`v2.0.0` → `v1.0.0`" in str(shop.modal("Undoes v2.0.0"))
    assert shop.slack.submit(ALICE, reason="INC-42: 5xx since v2.0.0") == {}
    shop.root("v1.0.0", "Rolled back")
    assert shop.tagged("latest-prod") == shop.tagged("v1.0.0-prod")


def review(shop: Workspace, announced: Json) -> None:
    """Another person reviews the break-glass; the one who did it cannot."""
    shop.slack.click(ALICE, announced, "floe_review")
    shop.modal("used this break-glass")
    shop.slack.click(BOB, announced, "floe_review")
    assert "the fix of 5xx" in str(shop.modal("Verdict"))
    assert shop.slack.submit(BOB, verdict="Accept it", reason="right: it was down") == {}
    reviewed = message(shop, "right: it was down", DEPLOYS)
    assert (block_ids(reviewed)[0], buttons(reviewed)) == (block_ids(announced)[0], [])


def unlock_everything(shop: Workspace, locked: Json) -> None:
    """Remove the locks of the message `locked` with one click."""
    shop.slack.click(BOB, locked, "floe_unlock_all")
    shop.modal("Unlock")
    assert shop.slack.submit(BOB, reason="INC-42 is resolved") == {}
    message(shop, "Unlocked (2)", INCIDENT)
