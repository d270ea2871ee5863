"""Any answer from FLOE_SERVER is shown or refused in one sentence, in bounded time and memory."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.remote.client import Api
from cli.remote.errors import ServerUnavailableError
from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.fuzz import commands
from tests.fuzz.altering import OTHERS, altered
from tests.peers import oci_layout
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.commands import Finished

_DEEP = 100_000
JSON = {"Content-Type": "application/json"}
REASON = ("--reason", "because")
COMMANDS = [
    ("platform", "status", "--history", "5"),
    ("platform", "promote", "v1.0.0", "--to", "staging"),
    ("platform", "promote", "v1.0.0", "--to", "prod", "--dry-run"),
    ("platform", "rollback", "v1.0.0", "--env", "staging", *REASON),
    ("platform", "rollback", "v1.0.0", "--env", "staging", *REASON, "--dry-run"),
    ("platform", "lock", "--env", "prod", *REASON),
    ("platform", "unlock", "--env", "prod", *REASON),
    ("platform", "reject", "c-00000001", *REASON),
    ("platform", "changes", "--all"),
    ("platform", "sync"),
    ("platform", "webhooks"),
    ("platform", "audit", "verify"),
    ("platform", "audit", "history"),
    ("artifact", "verify", "v1.0.0"),
]


class AlteringProxy(FakeServer):
    """Forward the answers of `behind`, changed by `alter` if given."""

    behind = ""
    alter: tuple[int, Any] | None = None
    _PASSED = ("authorization", "content-type", "idempotency-key", "traceparent", "floe-ticket")

    def respond(self, request: Request) -> Reply:
        headers = {name: request.headers[name] for name in self._PASSED if name in request.headers}
        address = f"{self.behind}{request.path}?{request.query}"
        answer = httpx.request(
            request.method, address, headers=headers, content=request.body, timeout=60
        )
        if self.alter is None:
            return Reply(answer.status_code, answer.content, JSON)
        document = altered(answer.json(), *self.alter)
        return Reply(answer.status_code, json.dumps(document).encode(), JSON)


class Client:
    """Commands of an operator with all rights."""

    def __init__(self, folder: Path, server: AlteringProxy, token: str) -> None:
        self.server = server
        self._folder = folder
        self._token = token

    def run(self, *arguments: str) -> Finished:
        address = f"http://{self.server.host}"
        return commands.run_floe(
            self._folder, *arguments, FLOE_SERVER=address, FLOE_ID_TOKEN=self._token
        )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server with v1.0.0 in staging and one change that waits for approval."""
    folder, key = tmp_path_factory.mktemp("served"), SigningKey.new()
    with FakeIssuer(key) as issuer, AlteringProxy() as between:
        write_manifest(folder, "oci-layout:./registry", issuer.issuer)
        oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
        said = claims(issuer.issuer, email="dave@acme.com", email_verified=True)
        with serving(folder) as behind:
            between.behind = behind.url
            client = Client(folder, between, key.sign(said | {"groups": ["developers"]}))
            assert client.run("platform", "promote", "v1.0.0", "--to", "staging").code == 0
            assert client.run("platform", "promote", "v1.0.0", "--to", "prod").code == 14
            yield client


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 10_000), value=OTHERS, output=st.sampled_from(["table", "json"]))
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_altered_answer_is_shown_or_refused_in_one_sentence(
    client: Client, command: tuple[str, ...], place: int, value: Any, output: str
) -> None:
    client.server.alter = (place, value)

    done = client.run(*command, "--output", output)

    commands.assert_fit_to_show(done)
    if output == "json":
        assert done.document is not None


def answers(body: bytes, status: int = 200, **headers: str) -> Reply:
    return Reply(status, body, JSON | {n.replace("_", "-"): v for n, v in headers.items()})


NESTED = b'{"a":' * 900 + b"1" + b"}" * 900
STRANGE = {
    "a page": Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
    "a page that says it is JSON": answers(b"<html>Sign in</html>"),
    "nothing": answers(b""),
    "no text": answers(bytes(range(256))),
    "deep lists": answers(b"[" * _DEEP),
    "deep maps": answers(b'{"a":' * _DEEP),
    "as deep as can be read": answers(b'{"environments":[' + NESTED + b"]}"),
    "a deep refusal": answers(b'{"error":{"details":' + NESTED + b"}}", 409),
    "a giant number": answers(b'{"change_id":' + b"9" * _DEEP + b"}"),
    "compressed": answers(gzip.compress(bytes(100_000_000)), Content_Encoding="gzip"),
    "elsewhere": answers(b"{}", 302, Location="http://127.0.0.1:1/"),
    "elsewhere without a place": answers(b"{}", 304),
    "a teapot": answers(b"{}", 418),
    "cut": Reply(200, b"{}" * 100, JSON, cut_after=10),
    "a null": answers(b"null"),
}


class Strange(FakeServer):
    reply = Reply()

    def respond(self, request: Request) -> Reply:
        return self.reply


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strange]:
    with Strange() as running:
        yield running


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[7], COMMANDS[11]], ids=" ".join)
def test_answer_of_another_program_means_server_unavailable(
    strange: Strange, tmp_path: Path, name: str, command: tuple[str, ...]
) -> None:
    strange.reply = STRANGE[name]

    done = commands.run_floe(tmp_path, *command, FLOE_SERVER=f"http://{strange.host}")

    assert done.code == 5
    commands.assert_fit_to_show(done)
    assert strange.host in done.err
    assert "compress" in done.err or name != "compressed"


@pytest.mark.parametrize(
    ("reply", "seconds", "said"),
    [
        (Reply(200, b"[" + b"1," * 100, JSON, drip_seconds=0.1), 0.5, "takes longer than 0.5 s"),
        (
            Reply(200, headers={"X-Slow": "x" * 600}, drip_seconds=0.05, drips_head=True),
            0.5,
            "takes longer than 0.5 s",
        ),
        (Reply(200, b" " * (65 << 20), JSON), 100, "more than 64 MiB"),
    ],
    ids=["slow", "slow head", "large"],
)
def test_endless_answer_is_not_read_to_its_end(
    strange: Strange, reply: Reply, seconds: float, said: str
) -> None:
    strange.reply = reply
    api = Api(httpx.URL(f"http://{strange.host}"), None, "a" * 32, whole_seconds=seconds)

    with pytest.raises(ServerUnavailableError, match=said):
        api.get("status")

    api.close()


def test_looping_history_pages_end_with_an_error(
    client: Client, strange: Strange, tmp_path: Path
) -> None:
    client.server.alter = None
    address = f"{client.server.behind}/api/v1/history"
    page = httpx.get(address).json()
    strange.reply = answers(json.dumps(page | {"next": "1.staging.1"}).encode())

    asked = ("platform", "audit", "history", "--limit", "0")
    done = commands.run_floe(tmp_path, *asked, FLOE_SERVER=f"http://{strange.host}")

    assert (done.code, done.out) == (5, "")
    assert "repeat" in done.err


@pytest.mark.parametrize("document", [{"environments": []}, {}])
def test_audit_answer_without_environments_is_not_sound(
    strange: Strange, tmp_path: Path, document: dict[str, Any]
) -> None:
    strange.reply = answers(json.dumps(document).encode())

    done = commands.run_floe(
        tmp_path, "platform", "audit", "verify", FLOE_SERVER=f"http://{strange.host}"
    )

    assert done.code == 5
