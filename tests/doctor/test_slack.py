"""`floe doctor` tries the bot's token, scopes, channels and user groups."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.doctor import needed_scopes
from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, Json, fake_slack
from tests.builders import image
from tests.doctor.clinic import Examined, examine, prepare
from tests.peers import oci_layout
from tests.peers.loopback import free_port

WRITING = ("chat.postMessage", "chat.scheduleMessage", "chat.deleteScheduledMessage")


@dataclass
class Workspace(FakeSlack):
    """
    A workspace that sends the scopes of the token, and does not let the app into `closed`
    channels, by their error. `scheduled` are messages that were not removed.
    """

    scopes: frozenset[str] = field(default_factory=needed_scopes)
    closed: dict[str, str] = field(default_factory=dict)
    scheduled: dict[str, Json] = field(default_factory=dict)

    def answer(self, method: str, arguments: Json, token: str) -> tuple[int, dict[str, str], Json]:
        status, headers, answer = super().answer(method, arguments, token)
        return status, {**headers, "x-oauth-scopes": ",".join(sorted(self.scopes))}, answer

    def _chat_getPermalink(self, arguments: Json) -> Json:
        return {"error": self.closed.get(arguments["channel"], "message_not_found")}

    def _chat_scheduleMessage(self, arguments: Json) -> Json:
        if error := self.closed.get(arguments["channel"]):
            return {"error": error}
        name = f"Q{len(self.calls)}"
        self.scheduled[name] = arguments
        return {"scheduled_message_id": name}

    def _chat_deleteScheduledMessage(self, arguments: Json) -> Json:
        del self.scheduled[arguments["scheduled_message_id"]]
        return {}


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with fake_slack(Workspace()) as running:
        assert isinstance(running, Workspace)
        running.groups["release-managers"] = ["U01ALICE"]
        yield running


def run(
    folder: Path, slack: Workspace, *arguments: str, group: str = "release-managers", **more: str
) -> Examined:
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    channel = more.pop("channel", "C01DEPLOY")
    environ = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": "signing",
        "SLACK_API_URL": slack.url,
    }
    prod = f"approvals: {{required: 1, groups: [{group}]}}"
    settings = f"slack: {{channel: '{channel}'}}"
    return examine(prepare(folder, prod=prod, more=settings, **environ | more), *arguments)


def test_usable_workspace_passes_without_writing(slack: Workspace, tmp_path: Path) -> None:
    examined = run(tmp_path, slack)

    tries = ("token", "scopes", "channel C01DEPLOY", "user group release-managers")
    assert {examined.verdict("Slack", name) for name in tries} == {"passed"}
    assert not [method for _, method, _ in slack.calls if method in WRITING]
    assert examined.code == 0


def test_missing_scope_is_named(slack: Workspace, tmp_path: Path) -> None:
    slack.scopes -= {"usergroups:read"}

    examined = run(tmp_path, slack)

    row = examined.row("Slack", "scopes")
    assert examined.failed == [("Slack", "scopes")]
    assert row["found"] == "the token lacks usergroups:read"
    assert "install the app again" in row["advice"]
    assert examined.code == 2


@pytest.mark.parametrize("arguments", [(), ("--write",)])
def test_channel_without_the_bot_is_found(
    arguments: tuple[str, ...], slack: Workspace, tmp_path: Path
) -> None:
    slack.closed["C01DEPLOY"] = "not_in_channel" if arguments else "channel_not_found"

    examined = run(tmp_path, slack, *arguments)

    row = examined.row("Slack", "channel C01DEPLOY")
    assert examined.failed == [("Slack", "channel C01DEPLOY")]
    assert "the app is no member of it" in row["found"]
    assert "/invite @floe" in row["advice"]


def test_posting_is_tried_with_a_message_that_no_person_sees(
    slack: Workspace, tmp_path: Path
) -> None:
    examined = run(tmp_path, slack, "--write")

    assert examined.verdict("Slack", "channel C01DEPLOY") == "passed"
    assert len(slack.called("chat.scheduleMessage")) == 1
    assert slack.scheduled == {}
    assert slack.messages == []


def test_name_of_a_channel_instead_of_its_id_is_found(slack: Workspace, tmp_path: Path) -> None:
    examined = run(tmp_path, slack, channel="#deploys")

    assert examined.failed == [("Slack", "channel #deploys")]
    assert "copy the id" in examined.row("Slack", "channel #deploys")["advice"]


def test_unknown_user_group_is_found(slack: Workspace, tmp_path: Path) -> None:
    examined = run(tmp_path, slack, group="release-manager")

    row = examined.row("Slack", "user group release-manager")
    assert examined.failed == [("Slack", "user group release-manager")]
    assert "Create the user group @release-manager" in row["advice"]


def test_refused_token_is_found(slack: Workspace, tmp_path: Path) -> None:
    examined = run(tmp_path, slack, SLACK_BOT_TOKEN="xoxb-old")

    assert examined.failed == [("Slack", "token")]
    assert "xoxb-old" not in examined.finished.out


def test_slack_that_does_not_answer_is_found(slack: Workspace, tmp_path: Path) -> None:
    slack.fail("auth.test", 503)

    examined = run(tmp_path, slack)

    assert examined.failed == [("Slack", "token")]
    assert examined.code == 5


def test_error_of_slack_is_only_in_the_table(slack: Workspace, tmp_path: Path) -> None:
    examined = run(tmp_path, slack, SLACK_API_URL=f"http://127.0.0.1:{free_port()}/api/")

    assert examined.failed == [("Slack", "token")]
    assert "Failed to send a request" not in examined.finished.err
