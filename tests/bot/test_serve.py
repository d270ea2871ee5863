"""`floe serve` with Slack: a process that answers, works, and ends when it is told to."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.stage import ALICE, DEPLOYS, MANIFEST, SECRET, command_body, eventually
from tests.builders import image
from tests.peers import oci_layout

ROOT = Path(__file__).parents[2]


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        running.person(ALICE, "alice@acme.com")
        yield running


def serve(folder: Path, **variables: str) -> subprocess.Popen[str]:
    program = "from cli.main import main; main()"
    command = [sys.executable, "-c", program, "serve", "--port", "0"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    return subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True)


@pytest.mark.requirement("SL-001")
def test_it_promotes_what_slack_asks_for_and_ends_in_order(tmp_path, slack):
    rules = {"tests": '"true"', "required": 1, "expires": "4h", "slack": f"channel: {DEPLOYS}"}
    (tmp_path / "manifest.yaml").write_text(MANIFEST % rules)
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")
    variables = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.url,
    }

    with serve(tmp_path, **variables) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        [url] = re.findall(r"http://\S+", line)
        body = urlencode(command_body("/promote", "v1.0.0 staging", ALICE, DEPLOYS))
        body = body.replace("RESPONSES", slack.url.removesuffix("/api/") + "/response")
        timestamp = str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=timestamp, body=body)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-signature": signature or "",
            "x-slack-request-timestamp": timestamp,
        }
        answer = httpx.post(f"{url}slack/events", content=body, headers=headers)
        refused = httpx.post(f"{url}slack/events", content=body)
        eventually(lambda: [m for m in slack.in_channel(DEPLOYS) if "Promoted" in m["text"]])
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()

    assert "Slack: HTTP" in line
    assert answer.status_code == 200
    assert "ephemeral" in answer.text
    assert refused.status_code == 401
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert BOT_TOKEN not in rest


def test_a_token_without_a_way_to_be_reached_is_refused(tmp_path):
    rules = {"tests": '"true"', "required": 1, "expires": "4h", "slack": ""}
    (tmp_path / "manifest.yaml").write_text(MANIFEST % rules)
    (tmp_path / "registry").mkdir()

    with serve(tmp_path, SLACK_BOT_TOKEN="x") as process:
        assert process.stderr is not None
        said = process.stderr.read()

    assert process.returncode == 2
    assert "SLACK_SIGNING_SECRET" in said
    assert "SLACK_APP_TOKEN" in said
