"""Requests of a client, and its reaction to answers that no `floe serve` gives."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import image
from tests.cli.serving import ROOT
from tests.peers import oci_layout
from tests.peers.fake_http import Cut, FakeServer, Reply, Request
from tests.scenarios.commands import Finished, Floe

TOKEN = "e30.e30.c2lnbmF0dXJl"
JSON = {"Content-Type": "application/json"}


class Server(FakeServer):
    """Answers every command with an acquired lock, and every query with an empty list."""

    def respond(self, request: Request) -> Reply:
        return reply([] if request.method == "GET" else LOCKED)


LOCKED: dict[str, Any] = {
    "success": True,
    "outcome": "locked",
    "environment": "prod",
    "reason": "INC-1",
    "operator": "alice@acme.com",
    "lock_id": "0d0c5ab6-8d3f-4c0e-8f3b-3f0e5a1d2c4b",
    "anchor": f"prod#1 sha256:{'a' * 64}",
    "locked_at": "2026-11-24T10:00:00Z",
    "expires_at": None,
    "findings": [],
    "warnings": [],
    "trace_id": "a" * 32,
    "error": None,
}


def reply(document: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode(), JSON)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def lock(server: str, folder: Path, **environ: str) -> Finished:
    floe = Floe(folder, {"FLOE_SERVER": server, "FLOE_ID_TOKEN": TOKEN, **environ})
    return floe.run("platform", "lock", "--env", "prod", "--reason", "INC-1", "--output", "json")


def test_token_is_in_a_header_and_every_command_has_its_own_key(
    server: Server, tmp_path: Path
) -> None:
    first = lock(f"http://{server.host}/", tmp_path)
    second = lock(f"http://{server.host}", tmp_path)

    sent = server.seen("POST", "^/api/v1/environments/prod/lock$")
    assert (first.code, second.code) == (0, 0)
    assert first.document == LOCKED
    assert [r.headers["authorization"] for r in sent] == [f"Bearer {TOKEN}"] * 2
    assert len({r.headers["idempotency-key"] for r in sent}) == 2
    assert json.loads(sent[0].body) == {"reason": "INC-1"}


def test_lost_answer_is_requested_again_under_the_same_key(server: Server, tmp_path: Path) -> None:
    server.script("POST", "/lock", Cut.AFTER, Reply(503, b"<h1>later</h1>"))

    ended = lock(f"http://{server.host}", tmp_path)

    keys = {r.headers["idempotency-key"] for r in server.seen("POST")}
    assert (ended.code, len(server.seen("POST")), len(keys)) == (0, 3, 1)


def test_request_without_a_key_is_sent_once_and_may_have_taken_effect(
    server: Server, tmp_path: Path
) -> None:
    server.always("POST", "/approve", Cut.AFTER)
    floe = Floe(tmp_path, {"FLOE_SERVER": f"http://{server.host}", "FLOE_ID_TOKEN": TOKEN})

    ended = floe.run("platform", "approve", "c-1a2b3c4d")

    assert (ended.code, len(server.seen("POST"))) == (5, 1)
    assert "it may have been done: floe platform changes shows it" in ended.err


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_token_is_not_sent_to_a_redirect(server: Server, tmp_path: Path, status: int) -> None:
    with Server() as elsewhere:
        there = {"Location": f"http://{elsewhere.host}/api/v1/environments/prod/lock"}
        server.always("POST", "/lock", Reply(status, b"", there))

        ended = lock(f"http://{server.host}", tmp_path)

        assert elsewhere.requests == []
    assert (ended.code, ended.document["error"]["reason_code"]) == (5, "server_unavailable")
    assert "where the token does not go" in ended.document["error"]["message"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://floe.example.com", "which sends the token unencrypted: use https://"),
        ("http://10.0.0.7:8080", "which sends the token unencrypted: use https://"),
        ("https://alice:secret@floe.example.com", "without a user"),
        ("https://floe.example.com/?x=1", "without a user, a query or a fragment"),
        ("floe.example.com", "FLOE_SERVER is no address of a server"),
        ("ftp://floe.example.com", "FLOE_SERVER is no address of a server"),
        ("http://[::1", "FLOE_SERVER is no address"),
    ],
)
def test_unusable_address_is_refused_before_anything_is_sent(
    tmp_path: Path, address: str, said: str
) -> None:
    ended = lock(address, tmp_path)

    assert (ended.code, ended.document["error"]["reason_code"]) == (2, "configuration")
    assert said in ended.document["error"]["message"]
    assert "secret" not in ended.out + ended.err


def test_malformed_token_is_refused_and_not_shown(server: Server, tmp_path: Path) -> None:
    ended = lock(f"http://{server.host}", tmp_path, FLOE_ID_TOKEN="one\r\nX-Other: two")

    assert (ended.code, server.requests) == (2, [])
    assert "FLOE_ID_TOKEN is no token" in ended.document["error"]["message"]
    assert "X-Other" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(200, b"<h1>Sign in</h1>", {"Content-Type": "text/html"}), "HTTP status 200"),
        (Reply(200, b"{", JSON), "HTTP status 200"),
        (Reply(404, b"<h1>Not found</h1>"), "HTTP status 404"),
        (Reply(500, b"Internal Server Error"), "HTTP status 500"),
        (Reply(403, b'{"message": "no"}', JSON), "HTTP status 403"),
        (reply({"success": True}), "(outcome: field required)"),
        (reply(LOCKED | {"outcome": "opened"}), "(outcome: input should be 'promoted'"),
        (reply({n: v for n, v in LOCKED.items() if n != "error"}), "(error: field required)"),
        (reply([]), "(LockResponse: input should be a valid dictionary"),
    ],
)
def test_invalid_answer_is_exit_5_in_one_sentence(
    server: Server, tmp_path: Path, answer: Reply, said: str
) -> None:
    server.always("POST", "/lock", answer)

    ended = lock(f"http://{server.host}", tmp_path)

    assert (ended.code, ended.document["error"]["reason_code"]) == (5, "server_unavailable")
    assert said in ended.document["error"]["message"]
    assert "see that FLOE_SERVER is right" in ended.document["error"]["message"]
    assert "Traceback" not in ended.err


def test_refusal_has_the_exit_code_and_sentence_of_the_server(
    server: Server, tmp_path: Path
) -> None:
    error = {
        "type": "AuthorizationError",
        "reason_code": "unauthorized",
        "message": "no",
        "exit_code": 12,
        "details": {"who": "alice"},
    }
    server.always("POST", "/lock", reply({"success": False, "error": error}, 403))

    ended = lock(f"http://{server.host}", tmp_path)

    assert (ended.code, ended.document["error"]) == (12, error)
    assert ended.document["environment"] == "prod"


def test_missing_token_error_says_how_to_get_one(server: Server, tmp_path: Path) -> None:
    error = {"type": "X", "reason_code": "unauthenticated", "message": "no", "exit_code": 12}
    server.always("POST", "/lock", reply({"success": False, "error": error}, 401))

    ended = lock(f"http://{server.host}", tmp_path, FLOE_ID_TOKEN="")

    assert ended.code == 12
    assert "set FLOE_ID_TOKEN" in ended.document["error"]["message"]
    assert "authorization" not in server.requests[0].headers


def test_unreachable_server_is_exit_5(tmp_path: Path) -> None:
    ended = lock("http://127.0.0.1:9", tmp_path)

    assert ended.code == 5
    assert "http://127.0.0.1:9 does not answer" in ended.document["error"]["message"]


def test_local_only_command_is_refused_while_a_server_is_set(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "registry").mkdir()
    floe = Floe.on("oci-layout:./registry", tmp_path, FLOE_SERVER=f"http://{server.host}")

    ended = floe.run("artifact", "pull", "v1.0.0", "--to", "out")

    assert (ended.code, server.requests) == (2, [])
    assert "unset FLOE_SERVER to run it here" in ended.err


def test_local_command_does_not_load_the_client(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    Floe.on("oci-layout:./registry", tmp_path)
    code = (
        "import sys; from cli.main import floe; "
        "floe.main(['platform', 'status'], standalone_mode=False); "
        "print([name for name in sys.modules if name.startswith(('httpx', 'cli.remote.'))])"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.splitlines()[-1] == "['cli.remote.selection']"
