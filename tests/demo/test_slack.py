"""`make demo-slack`: its printed instructions work, and it leaves nothing running."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.stage import block_ids, eventually
from tests.demo.processes import left_in
from tests.peers import local_slack
from tests.peers.local_slack import ALICE, BOB, LocalSlack

ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 90


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[subprocess.Popen[str], LocalSlack]]:
    """Start the demo with its workspace."""
    command = [sys.executable, "-m", "demo.slack"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            said = ""
            while "Ctrl-C ends it" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            [url] = re.findall(r"(http://\S+?)/#/", said)
            with local_slack.opened(url) as slack:
                yield process, slack
        finally:
            process.terminate()
            process.wait(_PATIENCE_SECONDS)


@pytest.mark.timeout(300)
@pytest.mark.requirement("SL-001")
def test_printed_instructions_of_the_demo_work(demo) -> None:
    _, slack = demo

    slack.command(ALICE, "/promote v1.2.3 prod")
    [ask] = eventually(lambda: _called(slack, ":ask"), _PATIENCE_SECONDS)
    slack.click(BOB, ask, "floe_approve")

    eventually(lambda: "v1.2.3: staging → prod. Promoted" in _said(slack), _PATIENCE_SECONDS)

    slack.command(ALICE, "/rollback prod")

    eventually(lambda: "Undoes v1.2.3" in json.dumps(slack.modal()), _PATIENCE_SECONDS)
    assert "v1.2.2" in json.dumps(slack.modal())


@pytest.mark.timeout(300)
def test_ctrl_c_ends_the_slack_demo_and_leaves_nothing_running(demo) -> None:
    process, _ = demo

    process.send_signal(signal.SIGINT)

    assert process.wait(_PATIENCE_SECONDS) == 0
    assert "Ended." in process.stdout.read()
    assert left_in(ROOT / ".demo/slack") == []
    _, *more = (ROOT / ".demo/slack/serve.log").read_text().splitlines()
    assert [line for line in more if not line.startswith("WARNING: ")] == []


def _said(slack: LocalSlack) -> str:
    return "\n".join(message["text"] for message in slack.messages())


def _called(slack: LocalSlack, ending: str) -> list:
    found = [m for m in slack.everything() if m.get("blocks")]
    return [m for m in found if block_ids(m)[0].endswith(ending)]
