"""Slack users are verified at every action."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.database import BotStore, bot_database
from bot.identity import IdentityLookupError, SlackIdentities
from bot.inbox import Origin
from bot.webapi import SlackApi, web_client
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Directory
from engine.domain.names import Names
from tests.bot.fake_slack import BOT_TOKEN, TEAM, FakeSlack, fake_slack
from tests.bot.stage import ALICE, BOB, block_text, buttons, eventually

GROUPS = Names({"release-managers", "sre"})
ORIGIN = Origin(BOB, TEAM, "C01DEPLOY")


@dataclass
class Clock:
    time: float = 0.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Slack:
    fake: FakeSlack
    identities: SlackIdentities
    clock: Clock


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[Slack]:
    directory = Directory.of({"alice@acme.com": ("U01ALICE",)}, {"sre": ("bob@acme.com",)})
    store = BotStore(bot_database(tmp_path))
    with fake_slack() as fake:
        fake.person(BOB, "bob@acme.com")
        clock = Clock()
        api = SlackApi(web_client(BOT_TOKEN, fake.url))
        yield Slack(
            fake, SlackIdentities(api, store, lambda: directory, lambda: GROUPS, clock), clock
        )
    store.close()


def test_member_is_named_by_the_verified_email(slack):
    operator = slack.identities.resolve(ORIGIN)

    assert operator.name == "bob@acme.com"
    assert operator.id == "slack:T01ACME/U02BOB"
    assert operator.verified
    assert operator.groups == {"sre"}
    assert slack.identities.find_id("bob@acme.com") == operator.id


def test_member_without_email_is_named_by_user_id_or_alias(slack):
    slack.fake.person(BOB, None)
    slack.fake.person(ALICE, None)

    assert slack.identities.resolve(ORIGIN).name == BOB
    assert slack.identities.resolve(Origin(ALICE, TEAM, "C")).name == "alice@acme.com"


def test_unconfirmed_email_is_ignored(slack):
    slack.fake.person(BOB, "alice@acme.com", is_email_confirmed=False)

    assert slack.identities.resolve(ORIGIN).name == BOB


@pytest.mark.requirement("SL-003")
@pytest.mark.parametrize(
    "flags",
    [
        {"deleted": True},
        {"is_bot": True},
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"team_id": "T0OTHER"},
    ],
)
def test_guests_bots_and_strangers_are_refused(slack, flags):
    slack.fake.person(BOB, "bob@acme.com", **flags)

    with pytest.raises(AuthorizationError, match="only members of this"):
        slack.identities.resolve(ORIGIN)


def test_request_from_another_team_is_refused(slack):
    for team in ("T0OTHER", ""):
        with pytest.raises(AuthorizationError, match="another Slack team"):
            slack.identities.resolve(Origin(BOB, team, "C"))


@pytest.mark.requirement("SL-003")
@pytest.mark.parametrize(
    ("method", "status"),
    [("auth.test", 500), ("users.info", 500), ("users.info", 429), ("usergroups.list", 503)],
)
def test_failed_lookup_is_a_refusal_with_a_reason(slack, method, status):
    slack.fake.groups["release-managers"] = [BOB]
    slack.fake.fail(method, status)

    with pytest.raises(IdentityLookupError, match="I did nothing. Try again"):
        slack.identities.resolve(ORIGIN)

    assert slack.identities.resolve(ORIGIN).groups == {"sre", "release-managers"}


def test_answer_about_another_user_is_refused(slack):
    slack.fake.users[BOB] = {**slack.fake.users[BOB], "id": ALICE}

    with pytest.raises(IdentityLookupError, match="another user"):
        slack.identities.resolve(ORIGIN)


@pytest.mark.parametrize("groups", [None, 7, "sre"])
def test_unusable_list_of_groups_is_a_refusal_with_a_reason(slack, groups):
    slack.fake._usergroups_list = lambda arguments: {"usergroups": groups}

    with pytest.raises(IdentityLookupError, match="your user groups"):
        slack.identities.resolve(ORIGIN)


def test_user_groups_match_by_handle_and_are_read_once_a_minute(slack):
    slack.fake.groups |= {"release-managers": [BOB], "others": [BOB]}

    first = slack.identities.resolve(ORIGIN).groups
    slack.fake.groups["release-managers"] = []
    slack.clock.time = 59
    cached = slack.identities.resolve(ORIGIN).groups
    slack.clock.time = 61
    later = slack.identities.resolve(ORIGIN).groups

    assert first == cached == {"sre", "release-managers"}
    assert later == {"sre"}
    # floe asks for no members of groups without a rule.
    asked = [call["usergroup"] for call in slack.fake.called("usergroups.users.list")]
    assert set(asked) == {"SRELEASE-MANAGERS"}


@pytest.mark.parametrize("error", ["plan_upgrade_required", "missing_scope"])
def test_workspace_without_user_groups_has_only_manifest_groups(slack, error):
    slack.fake.fail("usergroups.list", 200, times=9, body={"ok": False, "error": error})

    assert slack.identities.resolve(ORIGIN).groups == {"sre"}


def test_approvers_are_mentioned_by_group_or_by_members(slack):
    slack.fake.groups["release-managers"] = [BOB]

    said_to = slack.identities.mention_groups(("release-managers", "sre", "strangers"))

    assert said_to == "<!subteam^SRELEASE-MANAGERS>, *sre* (<@U02BOB>), *strangers*"
    assert slack.identities.mention_groups(()) == "Approvers"


def test_approver_groups_are_named_when_slack_fails(slack):
    slack.fake.fail("usergroups.list", 500, times=9)

    assert slack.identities.mention_groups(("release-managers",)) == "*release-managers*"


@pytest.mark.requirement("SL-003")
@pytest.mark.parametrize("event", ["subteam_updated", "user_change"])
def test_changed_groups_apply_from_the_next_click(stage, event):
    stage.slack.groups["release-managers"] = []
    change = stage.waiting_change()
    stage.slack.person("U05ERIN", "erin@acme.com")
    stage.click("floe_approve", change.id, "U05ERIN")
    [text] = eventually(lambda: stage.private_texts("U05ERIN"))
    assert "Required groups: [release-managers]" in text

    stage.slack.groups["release-managers"] = ["U05ERIN"]
    stage.event({"type": event, "user": {"id": "U05ERIN"}})
    time.sleep(0.2)
    stage.click("floe_approve", change.id, "U05ERIN")

    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    assert "<@U05ERIN>" in block_text(stage.find_approval_request(change))
    [given] = stage.platform.changes.get(change.id).approvals
    assert given.authorized_via == "group release-managers"


@pytest.mark.requirement("SL-003")
@pytest.mark.parametrize("typed", ["/promote v1.0.0 prod", "/lock prod INC-1", "/promotions"])
def test_guest_is_refused_every_command(stage, typed):
    stage.slack.users[ALICE]["is_restricted"] = True

    stage.command(typed)

    [text] = eventually(lambda: stage.private_texts(ALICE))
    assert text.startswith("Not ")
    assert "a guest" in text
    assert stage.platform.store.recent(9) == ()
    assert stage.slack.messages == []
