"""No secret of a server appears in its answers, files, logs or messages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.stage import DEPLOYS
from tests.peers.canaries import leaks
from tests.peers.fake_http import Reply
from tests.peers.signing import SigningKey, claims
from tests.scenarios.changing import until
from tests.security.served import Served, served

pytestmark = pytest.mark.timeout(600)
PAGES = (
    *("/", "/changes", "/history", "/audit", "/environments/staging", "/sign-in", "/metrics"),
    *("/readyz", "/healthz", "/openapi.json", "/api/v1/status", "/api/v1/changes?state=all"),
    *("/api/v1/history", "/api/v1/audit", "/api/v1/webhooks", "/api/v1/versions"),
    "/api/v1/diff?from=v1.0.0&to=v1.0.0",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def promote_by_api(server: Served, token: str, target: str) -> Any:
    return server.ask(
        "POST",
        "/api/v1/promotions",
        json={"version": "v1.0.0", "target": target},
        headers={"Authorization": f"Bearer {token}"},
    )


def shows(server: Served, words: str) -> bool:
    return any(words in message["text"] for message in server.slack.in_channel(DEPLOYS))


def test_no_server_answer_shows_a_secret(server: Served) -> None:
    server.sign_in()
    taken = promote_by_api(server, server.token(), "staging")
    change = taken.json()["change_id"]
    server.secrets["a ticket"] = taken.headers["Floe-Ticket"]
    assert until(lambda: shows(server, "Promoted"), 120)
    assert until(lambda: bool(server.others.seen("POST", "/broken$")), 120)
    server.secrets["a form token"] = server.form_token("/environments/staging")
    form = {"csrf": server.secrets["a form token"], "reason": "INC-1"}

    locked = server.ask("POST", "/environments/staging/lock", data=form)
    commanded = server.command("v1.0.0 prod")
    assert until(lambda: shows(server, "prod"), 120)
    pages = {page: server.ask("GET", page).status_code for page in (*PAGES, f"/changes/{change}")}
    output = server.ask("GET", f"/api/v1/changes/{change}/output/tests")

    found = leaks(server.places(), server.secrets)
    assert (taken.status_code, locked.status_code, commanded) == (202, 303, 200)
    assert {page: status for page, status in pages.items() if status not in (200, 303)} == {}
    assert "TARGET_ENV=staging" in output.text
    assert [each for each in found if not each.startswith("a form token in answer")] == []


def test_no_server_refusal_shows_the_refused_secret(server: Served) -> None:
    other = SigningKey.new("RS256").sign(claims(server.provider.issuer), kid=server.provider.key.id)
    server.secrets["a forged token"] = other.rpartition(".")[2]
    refused = [
        promote_by_api(server, token, "staging").status_code
        for token in (server.token(exp=1), server.token(aud="x"), other, "canary-no-token")
    ]
    server.secrets |= {"no token at all": "canary-no-token", "another secret": "canary-forger"}
    forged = server.command("v1.0.0 staging", secret="canary-forger")
    server.provider.script("POST", "/token$", Reply(400, b'{"error": "canary-client-secret"}'))
    server.sign_in()
    server.secrets["a form token"] = "canary-form-token"
    form = {"csrf": "canary-form-token", "reason": "INC-1"}
    posted = server.ask("POST", "/environments/staging/lock", data=form)
    server.slack.fail("chat.postMessage", 500)
    server.ask("GET", "/api/v1/changes/c-1", headers={"Floe-Ticket": "canary-form-token"})

    found = leaks(server.places(), server.secrets)

    assert (refused, forged, posted.status_code) == ([401] * 4, 401, 401)
    assert found == []


def test_socket_mode_token_refused_by_slack_is_not_shown(tmp_path: Path) -> None:
    with served(tmp_path, SLACK_APP_TOKEN="xapp-canary-1") as server:
        log = server.folder / "serve.log"
        opened = "apps.connections.open"
        assert until(lambda: bool(server.slack.called(opened)), 120)
        assert until(lambda: "not connected to Slack yet" in log.read_text(), 120)

        found = leaks(server.places(), server.secrets | {"an app's token": "xapp-canary-1"})

    assert found == []
