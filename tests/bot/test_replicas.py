"""Two servers with one database are one bot: a kill in the middle loses and repeats nothing."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")

from slack_sdk.signature import SignatureVerifier

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, Json, fake_slack
from tests.bot.manifest import bot_manifest
from tests.bot.stage import (
    ALICE,
    BOB,
    DEPLOYS,
    SECRET,
    block_ids,
    click_body,
    command_body,
    eventually,
)
from tests.bot.test_serve import has_said, serve, served
from tests.builders import image
from tests.nemesis.relay import Relay
from tests.peers import oci_layout
from tests.peers.postgres import PostgresProcess
from tests.store.databases import new_schema

# Runs for as long as the file exists beside the manifests.
_GATE = "sh, -c, 'while [ -e ../wait ]; do sleep 0.1; done'"

pytestmark = pytest.mark.timeout(480)


@dataclass
class Replica:
    process: subprocess.Popen[str]
    url: str
    slack: FakeSlack

    def send(self, body: Json) -> str:
        """Send a signed request as Slack does, and return the answer to the user."""
        written = urlencode(body).replace(
            "RESPONSES", self.slack.url.removesuffix("/api/") + "/response"
        )
        timestamp = str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=timestamp, body=written)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-signature": signature or "",
            "x-slack-request-timestamp": timestamp,
        }
        sent = httpx.post(f"{self.url}slack/events", content=written, headers=headers, timeout=30)
        assert sent.status_code == 200, sent.text
        return sent.text

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        running.person(ALICE, "alice@acme.com")
        running.person(BOB, "bob@acme.com")
        yield running


@pytest.fixture
def relay(slack: FakeSlack) -> Iterator[Relay]:
    """The connections of the first server to Slack."""
    with Relay(urlsplit(slack.url).netloc).running() as running:
        yield running


@pytest.fixture
def replicas(
    tmp_path: Path, slack: FakeSlack, relay: Relay, postgres_server: PostgresProcess
) -> Iterator[list[Replica]]:
    """Two servers with state directories of their own; the first one leads."""
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")
    schema = new_schema()
    variables = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "FLOE_STATE_URL": postgres_server.url,
    }
    with ExitStack() as stack:
        made = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            manifest = bot_manifest(DEPLOYS, _GATE).replace(
                "oci-layout:./registry", "oci-layout:../registry"
            )
            state = f"\nstate: {{url: env:FLOE_STATE_URL, schema: {schema}}}\n"
            (folder / "manifest.yaml").write_text(manifest + state)
            direct = slack.url if made else f"http://127.0.0.1:{relay.port}/api/"
            process = stack.enter_context(serve(folder, **variables, SLACK_API_URL=direct))
            made.append(Replica(process, served(process), slack))
        yield made
    assert slack.refused == []


def approval_of(slack: FakeSlack) -> str | None:
    """The id of the change that waits for approval."""
    found = [block_ids(m)[0] for m in slack.messages if block_ids(m)[0].endswith(":ask")]
    return found[0].removesuffix(":ask") if found else None


def is_in_prod(slack: FakeSlack) -> bool:
    texts = [message["text"] for message in slack.in_channel(DEPLOYS)]
    return any("prod" in text and "Promoted" in text for text in texts)


@pytest.mark.requirement("SL-005")
def test_click_is_carried_out_by_the_other_server_after_a_kill(
    slack: FakeSlack, replicas: list[Replica]
) -> None:
    first, second = replicas
    second.send(command_body("/promote", "v1.0.0 staging", ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "Promoted"), 60)
    asked = command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS)
    second.send(asked)
    first.send(asked)
    change = eventually(lambda: approval_of(slack), 60)

    first.kill()
    second.send({"payload": json.dumps(click_body("floe_approve", change, BOB))})
    eventually(lambda: is_in_prod(slack), 60)

    posted = Counter(block_ids(message)[0] for message in slack.messages)
    assert max(posted.values()) == 1
    assert sum(key.endswith(":root") for key in posted) == 2


@pytest.mark.requirement("AP-002")
def test_gates_of_a_killed_server_run_again_on_the_other_one(
    slack: FakeSlack, replicas: list[Replica], tmp_path: Path
) -> None:
    first, second = replicas
    first.send(command_body("/promote", "v1.0.0 staging", ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "Promoted"), 60)
    (tmp_path / "wait").touch()
    first.send(command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "1 of 2 gates"), 60)

    first.kill()
    (tmp_path / "wait").unlink()
    change = eventually(lambda: approval_of(slack), 120)
    second.send({"payload": json.dumps(click_body("floe_approve", change, BOB))})
    eventually(lambda: is_in_prod(slack), 60)

    posted = Counter(block_ids(message)[0] for message in slack.messages)
    assert max(posted.values()) == 1


@pytest.mark.requirement("SL-005")
def test_other_server_sends_when_the_first_is_cut_off_from_slack(
    slack: FakeSlack, replicas: list[Replica], relay: Relay, tmp_path: Path
) -> None:
    first, _ = replicas
    first.send(command_body("/promote", "v1.0.0 staging", ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "Promoted"), 60)
    (tmp_path / "wait").touch()
    first.send(command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "1 of 2 gates"), 60)

    relay.cut(urlsplit(slack.url).netloc)
    (tmp_path / "wait").unlink()
    change = eventually(lambda: approval_of(slack), 120)
    first.send({"payload": json.dumps(click_body("floe_approve", change, BOB))})
    eventually(lambda: is_in_prod(slack), 60)

    posted = Counter(block_ids(message)[0] for message in slack.messages)
    assert max(posted.values()) == 1


def test_click_is_taken_by_a_server_that_slack_answers(
    slack: FakeSlack, replicas: list[Replica], relay: Relay
) -> None:
    first, _ = replicas
    first.send(command_body("/promote", "v1.0.0 staging", ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "Promoted"), 60)
    first.send(command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS))
    change = eventually(lambda: approval_of(slack), 60)

    relay.cut(urlsplit(slack.url).netloc)
    first.send({"payload": json.dumps(click_body("floe_approve", change, BOB))})
    eventually(lambda: is_in_prod(slack), 60)

    assert [user for user, _ in slack.responses if user == BOB] == []


def test_request_is_refused_while_the_database_stands_still(
    slack: FakeSlack, replicas: list[Replica], postgres_server: PostgresProcess
) -> None:
    asked = "v1.0.0 staging"
    postgres_server.send(signal.SIGSTOP)
    try:
        refused = replicas[1].send(command_body("/promote", asked, ALICE, DEPLOYS))
    finally:
        postgres_server.send(signal.SIGCONT)

    # A server that did not answer is not asked again for half a second.
    time.sleep(1)
    # The leader is elected again, and the refused request is not carried out later.
    accepted = replicas[1].send(command_body("/promote", asked, ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "Promoted"), 60)

    assert "try again" in refused or "start it" in refused
    assert "try again" not in accepted
    cards = [m for m in slack.messages if block_ids(m)[0].endswith(":root")]
    assert len(cards) == 1


def test_nothing_durable_is_left_in_the_state_directory(
    slack: FakeSlack, replicas: list[Replica], tmp_path: Path
) -> None:
    for replica in replicas:
        replica.send(command_body("/promote", "v1.0.0 staging", ALICE, DEPLOYS))
    eventually(lambda: has_said(slack, "Promoted"), 60)

    left = {file.name for name in "ab" for file in (tmp_path / name / ".floe").rglob("*")}

    assert left <= {"serve.lock"}
