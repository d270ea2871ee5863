"""An incident, end to end: lock, roll back, unlock."""

import pytest

from tests.bot.stage import block_text, buttons
from tests.peers.local_slack import ALICE, BOB, DEPLOYS, INCIDENT

pytestmark = pytest.mark.timeout(300)


def banner(slack, channel, words):
    """Return the newest message about a lock, once it contains `words`."""

    def there():
        everybodys = [m for m in slack.slack.everything(channel) if "ephemeral_to" not in m]
        found = [m for m in everybodys if "locked" in m["text"]]
        return found[-1] if found and words in block_text(found[-1]) else None

    return slack.eventually(there)


@pytest.mark.requirement("SL-004")
def test_incident_lock_stops_promotions_and_is_shown_in_both_channels(slack):
    slack.publish_to_staging("v2.0.0")

    slack.slack.command(BOB, "/lock prod 30m db <!here> failover", channel=INCIDENT)

    for channel in (DEPLOYS, INCIDENT):
        up = banner(slack, channel, "prod is locked")
        assert "db @here failover" in block_text(up)
        assert buttons(up) == ["floe_unlock"]
    slack.slack.command(ALICE, "/promote v2.0.0 prod")
    assert "failover" in slack.private_message(ALICE, "Environment 'prod' is locked")

    slack.slack.click(BOB, up, "floe_unlock")
    slack.modal("Unlock")
    slack.slack.submit(BOB, reason="the failover is done")

    for channel in (DEPLOYS, INCIDENT):
        assert buttons(banner(slack, channel, f"unlocked by <@{BOB}>")) == []
    slack.slack.command(ALICE, "/promote v2.0.0 prod")
    slack.root("v2.0.0", "Waiting for approval")


@pytest.mark.requirement("SL-004")
def test_mention_in_an_incident_thread_locks_and_unlocks(slack):
    slack.slack.say(BOB, "INC-43: the queue grows", INCIDENT)
    incident = slack.slack.messages(INCIDENT)[-1]

    slack.slack.say(BOB, "<@U0BOT> lock prod 30m INC-43", INCIDENT, incident["ts"])

    up = banner(slack, INCIDENT, "INC-43")
    assert up["thread_ts"] == incident["ts"]

    slack.slack.say(BOB, "<@U0BOT> unlock prod it is over", INCIDENT, incident["ts"])

    banner(slack, INCIDENT, f"unlocked by <@{BOB}>")
    banner(slack, DEPLOYS, f"unlocked by <@{BOB}>")


@pytest.mark.requirement("SL-001")
def test_rollback_form_shows_the_impact_and_asks_for_a_reason(slack):
    slack.publish_to_staging("v3.0.0", "v3.1.0")
    slack.slack.command(ALICE, "/rollback v3.0.0 staging")
    shown = str(slack.modal("Undoes v3.1.0"))
    assert "`v3.1.0` → `v3.0.0`" in shown
    assert slack.tagged("latest-staging") == slack.tagged("v3.1.0-staging")

    assert "reason" in slack.slack.submit(ALICE, reason="")
    assert slack.slack.submit(ALICE, reason="it is slow") == {}

    root = slack.root("v3.0.0", "Rolled back")
    assert "> it is slow" in block_text(root)
    assert slack.tagged("latest-staging") == slack.tagged("v3.0.0-staging")


@pytest.mark.requirement("SL-002")
def test_status_command_shows_the_running_versions(slack):
    slack.publish_to_staging("v3.2.0")

    slack.slack.command(BOB, "/promotions staging")

    slack.private_message(BOB, "v3.2.0")
    slack.eventually(lambda: "v3.2.0" in str(slack.slack.open_home(BOB)))
