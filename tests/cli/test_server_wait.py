"""CI requests and waits, people decide: a client follows a change until it ends."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.stage import ALICE, DEPLOYS, SECRET, click_body, eventually
from tests.builders import image
from tests.cli.serving import Serving, serving, write_manifest
from tests.peers import oci_layout
from tests.peers.fake_http import Cut, FakeServer, Reply, Request
from tests.peers.oidc_provider import OidcProvider, oidc_provider
from tests.peers.signing import claims
from tests.scenarios.commands import Finished, Floe, finish

pytestmark = [pytest.mark.requirement("WB-002"), pytest.mark.timeout(300)]
PROD = ("platform", "promote", "v1.0.0", "--to", "prod")
# Tokens are accepted for one more minute, since clocks differ.
LEEWAY_SECONDS = 60
WAITING = ("--wait", "3m", "--output", "json")


@dataclass(frozen=True)
class Team:
    """A platform in `place` with v1.0.0 in staging; Bob requests prod, Alice decides."""

    folder: Path
    provider: OidcProvider

    @property
    def place(self) -> Path:
        return self.folder / "platform"

    def bob(self, server: Serving, token: str | None = None) -> Floe:
        """A CI job without manifest or registry access, with only the server and a token."""
        return server.client(self.folder / "ci", token or self.provider.id_token("bob"))

    def alice(self, server: Serving) -> Floe:
        return server.client(self.folder / "desk", self.provider.id_token("alice"))

    def token(self, seconds: int) -> str:
        """Return Bob's token, valid for `seconds`."""
        now = int(time.time())
        bob = {"sub": "bob", "email": "bob@acme.com", "email_verified": True}
        groups = {"groups": ["developers"], "iat": now - 600, "nbf": now - 600}
        return self.provider.key.sign(
            claims(self.provider.issuer, **bob, **groups, exp=now + seconds)
        )


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def team(tmp_path: Path, provider: OidcProvider) -> Team:
    team = Team(tmp_path, provider)
    write_manifest(
        team.place, "oci-layout:./registry", provider.issuer, more=f"slack: {{channel: {DEPLOYS}}}"
    )
    oci_layout.write(team.place / "registry", image(b"one"), "v1.0.0-dev")
    local = Floe(team.place, {"FLOE_ID_TOKEN": provider.id_token("alice")})
    assert local.promote("v1.0.0", "staging").code == 0
    return team


def waiting_change(alice: Floe) -> str:
    """Return the change once it waits for approval."""

    def look() -> str | None:
        found = alice.run("platform", "changes", "--output", "json").document["changes"]
        return next((c["change_id"] for c in found if c["state"] == "awaiting_approval"), None)

    return eventually(look, 60)


def said_while_waiting(job: "subprocess.Popen[bytes]") -> str:
    """Read the messages of `job` until it waits for approval."""
    said = b""
    while b"awaiting_approval" not in said:
        line = job.stderr.readline()
        assert line, "the command ended before it waited"
        said += line
    return said.decode()


def test_waiting_ends_with_an_approval_on_the_command_line(team: Team) -> None:
    with serving(team.place) as server:
        job = team.bob(server).start(*PROD, "--wait", "3m")
        said = said_while_waiting(job)
        change = waiting_change(team.alice(server))
        approved = team.alice(server).run("platform", "approve", change)
        ended = finish(job)

    assert (approved.code, ended.code) == (0, 0)
    assert "Promoted v1.0.0 from staging to prod" in ended.out
    assert "Approved by: alice@acme.com" in ended.out
    assert f"{change}: awaiting_approval, 0 of 1 approvals" in said


@pytest.mark.requirement("SL-001")
def test_waiting_ends_with_a_click_in_slack(team: Team) -> None:
    with fake_slack() as slack:
        slack.person(ALICE, "alice@acme.com")
        environ = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": slack.url,
        }
        with serving(team.place, **environ) as server:
            job = team.bob(server).start(*PROD, *WAITING)
            change = eventually(lambda: asked_in(slack), 60)
            assert click(server, slack, change).status_code == 200
            ended = finish(job)

    document = ended.document
    assert (ended.code, document["outcome"], document["change_id"]) == (0, "promoted", change)
    assert document["operator"] == "bob@acme.com"


def asked_in(slack: FakeSlack) -> str | None:
    """Return the change whose message asks for approval."""
    ids = [m["blocks"][0].get("block_id", "") for m in list(slack.messages) if m.get("blocks")]
    return next((found.removesuffix(":ask") for found in ids if found.endswith(":ask")), None)


def click(server: Serving, slack: FakeSlack, change: str) -> httpx.Response:
    """Press Approve as Alice, signed and sent as Slack does."""
    body = urlencode({"payload": json.dumps(click_body("floe_approve", change, ALICE))})
    body = body.replace("RESPONSES", slack.url.removesuffix("/api/") + "/response")
    at = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=at, body=body)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-signature": signature or "",
        "x-slack-request-timestamp": at,
    }
    return httpx.post(f"{server.url}/slack/events", content=body, headers=headers)


def test_decision_through_a_server_ends_waiting_commands(team: Team) -> None:
    with serving(team.place) as server:
        job = team.bob(server).start(*PROD, *WAITING)
        change = waiting_change(team.alice(server))
        own = team.bob(server).run("platform", "approve", change, "--output", "json")
        no = team.alice(server).run("platform", "reject", change, "--reason", "not on a Friday")
        ended = finish(job)

    assert (own.code, own.document["error"]["reason_code"]) == (12, "unauthorized")
    said, trace = no.out.splitlines()
    assert (no.code, said) == (0, f"Rejected {change}: not on a Friday")
    assert trace == f"Trace ID: {ended.document['trace_id']}"
    assert (ended.code, ended.document["outcome"]) == (15, "failed")
    assert "not on a Friday" in ended.document["error"]["message"]


def test_request_without_wait_is_exit_14_and_can_be_cancelled(team: Team) -> None:
    with serving(team.place) as server:
        bob = team.bob(server)
        asked = bob.run(*PROD, "--output", "json")
        again = bob.run(*PROD, "--wait", "1s", "--output", "json")
        change = asked.document["change_id"]
        taken = bob.run("platform", "cancel", change)
        shown = bob.run("platform", "changes", "--all", "--output", "json").document["changes"]

    assert (asked.code, asked.document["outcome"]) == (14, "pending")
    assert (again.code, again.document["change_id"]) == (14, change)
    said, trace = taken.out.splitlines()
    assert (taken.code, said) == (0, f"Cancelled {change}")
    assert trace == f"Trace ID: {asked.document['trace_id']}"
    assert [(c["change_id"], c["state"]) for c in shown] == [(change, "cancelled")]


def test_token_may_expire_while_its_holder_waits(team: Team) -> None:
    """Test with a short token: those of CI are valid for minutes, and people decide in hours."""
    # Where people sign in, every read of a change needs credentials.
    with (team.place / "manifest.yaml").open("a") as manifest:
        manifest.write("web: {auth: {mode: proxy}}\n")
    with serving(team.place) as server:
        token = team.token(30 - LEEWAY_SECONDS)
        job = team.bob(server, token).start(*PROD, *WAITING)
        change = waiting_change(team.alice(server))
        eventually(lambda: expired(team.bob(server, token)), 90)
        approved = team.alice(server).run("platform", "approve", change)
        ended = finish(job)

    assert (approved.code, ended.code) == (0, 0)
    assert ended.document["outcome"] == "promoted"


def expired(floe: Floe) -> Finished | None:
    ended = floe.run("platform", "status", "--output", "json")
    return ended if ended.code == 12 else None


def test_ctrl_c_ends_the_waiting_and_not_the_change(team: Team) -> None:
    with serving(team.place) as server:
        job = team.bob(server).start(*PROD, *WAITING)
        change = waiting_change(team.alice(server))
        job.send_signal(signal.SIGINT)
        ended = finish(job)
        approved = team.alice(server).run("platform", "approve", change)

    assert (ended.code, ended.document["error"]["reason_code"]) == (130, "interrupted")
    assert f"Change {change} goes on" in ended.document["error"]["message"]
    assert approved.code == 0


def test_client_waits_for_a_restarting_server(team: Team) -> None:
    with serving(team.place) as first:
        job = team.bob(first).start(*PROD, *WAITING)
        change = waiting_change(team.alice(first))
        first.process.kill()
        first.process.wait()
    with serving(team.place, first.port) as second:
        assert team.alice(second).run("platform", "approve", change).code == 0
        ended = finish(job)

    assert (ended.code, ended.document["outcome"]) == (0, "promoted")


def test_lost_server_ends_the_waiting_with_exit_5(team: Team) -> None:
    with serving(team.place) as server:
        job = team.bob(server).start(*PROD, *WAITING)
        change = waiting_change(team.alice(server))
        server.process.kill()
        out, err = job.communicate(timeout=200)

    error = json.loads(out)["error"]
    assert (job.returncode, error["reason_code"]) == (5, "server_unavailable")
    assert f"Change {change} goes on" in error["message"]
    assert b"Traceback" not in err


class LossyProxy(FakeServer):
    """Forwards every request to `url`, and can drop the answers."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def respond(self, request: Request) -> Reply:
        kept = {n: v for n, v in request.headers.items() if n not in ("host", "connection")}
        where = f"{self.url}{request.path}" + (f"?{request.query}" if request.query else "")
        answer = httpx.request(request.method, where, headers=kept, content=request.body)
        headers = {"Content-Type": answer.headers["content-type"]}
        return Reply(answer.status_code, answer.content, headers)


def test_request_with_a_lost_answer_creates_one_change(team: Team) -> None:
    with serving(team.place) as server, LossyProxy(server.url) as between:
        between.script("POST", "/promotions", Cut.AFTER, Cut.AFTER)
        job = Floe(
            team.bob(server).folder,
            {"FLOE_SERVER": f"http://{between.host}", "FLOE_ID_TOKEN": team.token(600)},
        )
        asked = job.run("platform", "promote", "v1.0.0", "--to", "prod", "--output", "json")
        shown = (
            team.alice(server)
            .run("platform", "changes", "--all", "--output", "json")
            .document["changes"]
        )

    assert asked.code == 14
    assert len(between.seen("POST", "/promotions")) == 3
    assert [c["change_id"] for c in shown] == [asked.document["change_id"]]


def test_gate_progress_is_shown(team: Team) -> None:
    oci_layout.write(team.place / "registry", image(b"two"), "v2.0.0-dev")
    with serving(team.place) as server:
        ended = team.bob(server).promote("v2.0.0", "staging")

    assert ended.code == 0
    assert "… tests: running, for at most 300 s" in ended.err
    assert "… tests: passed in" in ended.err
