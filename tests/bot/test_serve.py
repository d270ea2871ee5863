"""`floe serve` with Slack, as a process."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.manifest import bot_manifest
from tests.bot.stage import ALICE, DEPLOYS, SECRET, command_body, eventually
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.warm_start import popen


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        running.person(ALICE, "alice@acme.com")
        yield running


@contextmanager
def serve(folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run the server, and kill it if the test did not stop it."""
    environ = {"PATH": os.environ["PATH"], **variables}
    command = ["serve", "--port", "0"]
    with popen(command, folder, environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def served(process: subprocess.Popen[str]) -> str:
    """The URL that the server prints."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"Serving (http://\S+)", line):
            return found[1]
    raise AssertionError(said)


def platform_in(folder: Path, tests: str) -> None:
    (folder / "manifest.yaml").write_text(bot_manifest(DEPLOYS, tests))
    oci_layout.write(folder / "registry", image(b"one"), "v1.0.0-dev")


def post(
    url: str, slack: FakeSlack, words: str, client: httpx.Client | None = None
) -> httpx.Response:
    """Send `/promote` with `words` as Slack does."""
    body = urlencode(command_body("/promote", words, ALICE, DEPLOYS))
    body = body.replace("RESPONSES", slack.url.removesuffix("/api/") + "/response")
    timestamp = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=timestamp, body=body)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-signature": signature or "",
        "x-slack-request-timestamp": timestamp,
    }
    sender = client or httpx
    return sender.post(f"{url}slack/events", content=body, headers=headers)


def has_said(slack: FakeSlack, words: str) -> bool:
    return any(words in message["text"] for message in slack.in_channel(DEPLOYS))


@pytest.mark.requirement("SL-005")
def test_gates_stopped_by_a_shutdown_run_again_after_the_start(tmp_path, slack):
    platform_in(tmp_path, "sh, -c, '[ -e go ] || exec sleep 600'")
    variables = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.url,
    }

    with serve(tmp_path, **variables) as first:
        url = served(first)
        post(url, slack, "v1.0.0 staging")
        eventually(lambda: has_said(slack, "Promoted"), 60)
        post(url, slack, "v1.0.0 prod")
        eventually(lambda: has_said(slack, "1 of 2 gates"), 60)
        first.send_signal(signal.SIGTERM)
        _, said = first.communicate(timeout=90)
    (tmp_path / "go").touch()
    with serve(tmp_path, **variables) as second:
        served(second)
        eventually(lambda: has_said(slack, "Waiting for approval"), 60)
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=90)

    assert (first.returncode, second.returncode) == (0, 0)
    assert "Traceback" not in said


def test_second_server_of_a_state_directory_is_refused(tmp_path):
    platform_in(tmp_path, '"true"')

    with serve(tmp_path) as first:
        served(first)
        with serve(tmp_path) as second:
            _, said = second.communicate(timeout=90)
        still_there = first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=90)
    with serve(tmp_path) as third:
        url = served(third)
        third.send_signal(signal.SIGTERM)
        third.communicate(timeout=90)

    assert still_there
    assert second.returncode == 2
    assert said.startswith("Not started: ")
    assert f"is served already, by process {first.pid}: end that one" in said
    assert "Traceback" not in said
    assert url.startswith("http://")


@pytest.mark.requirement("SL-001")
def test_server_promotes_a_slack_request_and_stops_cleanly(tmp_path, slack):
    platform_in(tmp_path, '"true"')
    variables = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.url,
    }

    with serve(tmp_path, **variables) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        [url] = re.findall(r"http://\S+", line)
        answer = post(url, slack, "v1.0.0 staging")
        refused = httpx.post(f"{url}slack/events", content=b"command=/promote")
        eventually(lambda: has_said(slack, "Promoted"), 60)
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=90)

    assert "Slack: HTTP" in line
    assert answer.status_code == 200
    assert "ephemeral" in answer.text
    assert refused.status_code == 401
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert BOT_TOKEN not in rest


def test_bot_token_without_secret_or_app_token_is_refused(tmp_path):
    (tmp_path / "manifest.yaml").write_text(bot_manifest(None))
    (tmp_path / "registry").mkdir()

    with serve(tmp_path, SLACK_BOT_TOKEN="x") as process:
        _, said = process.communicate(timeout=90)

    assert process.returncode == 2
    assert "SLACK_SIGNING_SECRET" in said
    assert "SLACK_APP_TOKEN" in said
