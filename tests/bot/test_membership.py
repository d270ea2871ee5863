"""Members of the app's workspace are accepted, also from other workspaces of a Grid."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.database import BotStore, bot_database
from bot.identity import SlackIdentities
from bot.inbox import Origin
from bot.webapi import SlackApi, web_client
from engine.domain.change import ChangeState
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Directory
from engine.domain.names import Names
from tests.bot.fake_slack import BOT_TOKEN, TEAM, FakeSlack, fake_slack
from tests.bot.stage import BOB, Stage, stage_in

pytestmark = pytest.mark.requirement("SL-003")
ORGANIZATION = "E01ACME"
SISTER = "T02SISTER"


def grid(*teams: str, enterprise: str = ORGANIZATION, **more: Any) -> dict[str, Any]:
    """The answer of users.info for a member of `teams` in an Enterprise Grid."""
    return {"id": "W0GLOBAL", "enterprise_id": enterprise, "teams": list(teams), **more}


@dataclass
class Slack:
    fake: FakeSlack
    identities: SlackIdentities


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[Slack]:
    """An app installed in TEAM, a workspace of ORGANIZATION."""
    store = BotStore(bot_database(tmp_path))
    with fake_slack() as fake:
        fake.enterprise = ORGANIZATION
        api = SlackApi(web_client(BOT_TOKEN, fake.url))
        yield Slack(fake, SlackIdentities(api, store, Directory, Names))
    store.close()


@pytest.mark.parametrize("home", [TEAM, SISTER, ORGANIZATION, None])
@pytest.mark.parametrize("request_team", [TEAM, SISTER, ORGANIZATION])
def test_member_of_any_home_workspace_is_accepted(
    slack: Slack, home: str | None, request_team: str
) -> None:
    member = grid(SISTER, TEAM)
    slack.fake.person(BOB, "bob@acme.com", team_id=home, enterprise_user=member)

    operator = slack.identities.resolve(Origin(BOB, request_team, "C01DEPLOY"))

    assert (operator.name, operator.id) == ("bob@acme.com", f"slack:{TEAM}/{BOB}")
    assert operator.verified
    assert "W0GLOBAL" in operator.names


@pytest.mark.parametrize(
    "user",
    [
        {"team_id": SISTER, "enterprise_user": grid(SISTER)},
        {"team_id": TEAM, "enterprise_user": grid(SISTER)},
        {"team_id": ORGANIZATION, "enterprise_user": grid()},
        {"enterprise_user": grid(TEAM, enterprise="E0OTHER")},
        {"team_id": SISTER},
        {"team_id": None},
        {"enterprise_user": {"enterprise_id": ORGANIZATION}},
        {"enterprise_user": {"enterprise_id": ORGANIZATION, "teams": TEAM}},
        {"enterprise_user": {"enterprise_id": ORGANIZATION, "teams": {TEAM: True}}},
        {"enterprise_user": {"teams": [TEAM]}},
        {"enterprise_user": [TEAM]},
        {"enterprise_user": grid(TEAM), "is_stranger": True},
        {"enterprise_user": grid(TEAM), "is_restricted": True},
        {"enterprise_user": grid(TEAM), "is_ultra_restricted": True},
        {"enterprise_user": grid(TEAM), "deleted": True},
        {"enterprise_user": grid(TEAM), "is_bot": True},
        {"enterprise_user": grid(TEAM), "is_workflow_bot": True},
    ],
)
def test_others_are_refused(slack: Slack, user: dict[str, Any]) -> None:
    slack.fake.person(BOB, "bob@acme.com", **user)

    with pytest.raises(AuthorizationError, match="only members of this"):
        slack.identities.resolve(Origin(BOB, TEAM, "C01DEPLOY"))


@pytest.mark.parametrize("request_team", ["T0OTHER", "E0OTHER", ""])
def test_request_from_another_organization_is_refused(slack: Slack, request_team: str) -> None:
    slack.fake.person(BOB, "bob@acme.com", enterprise_user=grid(TEAM))

    with pytest.raises(AuthorizationError, match="another Slack team"):
        slack.identities.resolve(Origin(BOB, request_team, "C01DEPLOY"))


def test_two_ids_of_one_person_are_one_operator(slack: Slack) -> None:
    slack.fake.person(BOB, None, enterprise_user=grid(TEAM))
    slack.fake.person("W0GLOBAL", None, enterprise_user=grid(TEAM))

    local, everywhere = (
        slack.identities.resolve(Origin(user, TEAM, "C01DEPLOY")) for user in (BOB, "W0GLOBAL")
    )

    assert local.same_as(everywhere)


def test_member_of_another_home_workspace_can_approve(tmp_path: Path) -> None:
    with stage_in(tmp_path) as stage:
        _move_home(stage)
        change = stage.waiting_change()

        stage.click("floe_approve", change.id, BOB)

        stage.change(ChangeState.PROMOTED)


def _move_home(stage: Stage) -> None:
    stage.slack.enterprise = ORGANIZATION
    stage.slack.users[BOB] |= {"team_id": SISTER, "enterprise_user": grid(SISTER, TEAM)}
