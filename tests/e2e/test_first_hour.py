"""A newcomer's first hour: `floe init`, and then only the commands that it prints."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.workspace import PATIENCE_SECONDS, Workspace
from tests.peers.local_slack import ALICE, APP_TOKEN, BOB, BOT_TOKEN, DEPLOYS, local_slack
from tests.peers.loopback import free_port
from tests.peers.strict_slack import strict_slack
from tests.scenarios.commands import Floe

pytestmark = pytest.mark.timeout(600)


def test_newcomer_reaches_an_approved_promotion_from_the_terminal_alone(
    tmp_path: Path, registry_host: str, repository: str
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    page = f"http://localhost:{free_port()}"
    answers = {
        "Registry and repository": f"{registry_host}/{repository}",
        "Name of the product": "shop",
        "Environments": "",
        "Slack: ": "",
        "Id of the Slack channel": DEPLOYS,
        "OpenID issuer": "",
        "Address": page,
        "Approvals": "",
        "Approvers": "",
    }

    made = Floe(folder).run_at_terminal("\n".join([*answers.values(), ""]), "init")

    assert made.code == 0, made.err
    places = [made.err.index(question) for question in answers]
    assert places == sorted(places)
    assert re.search(r"^passed +registry +reachable ", made.out, re.MULTILINE)
    assert "\nfailed " not in made.out
    publish, promote, serve = printed_commands(made.out)
    assert "Promoted" in typed(folder, publish) + typed(folder, promote)
    with workspace(folder, registry_host, repository) as slack, served(slack, serve):
        slack.eventually(lambda: is_ready(page))
        [request] = re.findall(r"^In Slack: (/promote \S+ \w+)", made.out, re.MULTILINE)

        slack.slack.command(ALICE, request)
        ask = slack.ask(slack.root("v0.0.1", "Waiting for approval"))
        slack.slack.click(BOB, ask, "floe_approve")
        slack.root("v0.0.1", "Promoted")

        assert slack.tagged("v0.0.1-prod") == slack.tagged("v0.0.1-dev")
        shown = slack.eventually(lambda: prod_on(page))
    assert shown == "v0.0.1"
    assert "bob@acme.com" in history(folder)


def printed_commands(shown: str) -> list[str]:
    """The commands that follow `Next:`."""
    following = shown.partition("\nNext:\n")[2].splitlines()
    return [line.strip() for line in following if line.startswith("  ")]


def environ(folder: Path) -> dict[str, str]:
    """The environment of a new user, with floe installed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder.parent)}


def typed(folder: Path, command: str) -> str:
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environ(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS * 2,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@contextmanager
def workspace(folder: Path, registry: str, repository: str) -> Iterator[Workspace]:
    with local_slack(folder.parent) as slack, strict_slack(slack) as strict:
        yield Workspace(folder, registry, repository, slack, strict, 0, socket=True)
        assert strict.refused == []


@contextmanager
def served(slack: Workspace, command: str) -> Iterator[None]:
    """Run the printed command with the tokens of the Slack app."""
    tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    given = environ(slack.folder) | tokens | {"SLACK_API_URL": slack.strict.api}
    with (
        (slack.folder.parent / "serve.log").open("wb") as log,
        subprocess.Popen(
            ["bash", "-c", f"exec {command}"], cwd=slack.folder, env=given, stdout=log, stderr=log
        ) as server,
    ):
        try:
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


def is_ready(page: str) -> bool:
    try:
        return httpx.get(f"{page}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def prod_on(page: str) -> str | None:
    """The version of prod on the page, if it has one."""
    text = httpx.get(page, timeout=PATIENCE_SECONDS).text
    found = re.search(r'<p class="version">(.*?)</p>', text.partition('id="env-prod"')[2])
    return found and re.sub(r"<[^>]*>", "", found[1])


def history(folder: Path) -> str:
    return typed(folder, "floe history --env prod --output json")
