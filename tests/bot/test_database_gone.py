"""A server whose database is gone shows the last known state; an empty database is enough."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.manifest import bot_manifest
from tests.bot.stage import ALICE, BOB, DEPLOYS, SECRET, click_body, command_body, eventually
from tests.bot.test_replicas import Replica, approval_of, is_in_prod
from tests.bot.test_serve import has_said, serve, served
from tests.builders import image
from tests.peers import oci_layout
from tests.peers.postgres import PostgresProcess
from tests.scenarios.commands import Floe
from tests.store.databases import new_schema

# The server waits for 2 or 3 seconds in all. A page that waited for each of its questions would
# take more than 10, and a busy machine doubles the time.
_ANSWER_SECONDS = 8.0
_PATHS = ("", "changes", "history", "readyz", "api/v1/status", "api/v1/changes")

pytestmark = pytest.mark.timeout(480)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        running.person(ALICE, "alice@acme.com")
        running.person(BOB, "bob@acme.com")
        yield running


@dataclass
class Server:
    """A server in `folder` that keeps its state in `schema`, and can be started again."""

    folder: Path
    schema: str
    variables: dict[str, str]
    slack: FakeSlack
    stack: ExitStack

    def start(self) -> Replica:
        process = self.stack.enter_context(serve(self.folder, **self.variables))
        return Replica(process, served(process), self.slack)


@pytest.fixture
def server(tmp_path: Path, slack: FakeSlack, postgres_server: PostgresProcess) -> Iterator[Server]:
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")
    schema = new_schema()
    state = f"\nstate: {{url: env:FLOE_STATE_URL, schema: {schema}}}\n"
    manifest = bot_manifest(DEPLOYS).replace('web: {base_url: "https://floe.acme.com"}', "web: {}")
    (tmp_path / "manifest.yaml").write_text(manifest + state)
    variables = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.url,
        "FLOE_STATE_URL": postgres_server.url,
    }
    with ExitStack() as stack:
        yield Server(tmp_path, schema, variables, slack, stack)


def waiting_change(replica: Replica) -> str:
    """Promote to staging, ask for prod, and return the change that waits for approval."""
    replica.send(command_body("/promote", "v1.0.0 staging", ALICE, DEPLOYS))
    eventually(lambda: has_said(replica.slack, "Promoted"), 60)
    replica.send(command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS))
    return eventually(lambda: approval_of(replica.slack), 60)


def approve(replica: Replica, change: str) -> None:
    replica.send({"payload": json.dumps(click_body("floe_approve", change, BOB))})


def get(replica: Replica, path: str, **headers: str) -> tuple[int, str, float]:
    begun = time.monotonic()
    answer = httpx.get(f"{replica.url}{path}", timeout=60, headers=headers)
    return answer.status_code, answer.text, time.monotonic() - begun


def prod_tags(folder: Path) -> list[str]:
    index = json.loads((folder / "registry" / "index.json").read_text())
    names = [
        each.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
        for each in index["manifests"]
    ]
    return [name for name in names if name.endswith("prod")]


@contextmanager
def gone(postgres: PostgresProcess, way: str) -> Iterator[None]:
    """Stop or kill the database for the duration of the block."""
    if way == "stopped":
        postgres.send(signal.SIGSTOP)
    else:
        postgres.stop(signal.SIGKILL)
    try:
        yield
    finally:
        if way == "stopped":
            postgres.send(signal.SIGCONT)
        else:
            postgres.start()


@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_server_without_its_database_shows_what_it_knows_and_promotes_nothing(
    server: Server, slack: FakeSlack, postgres_server: PostgresProcess, way: str
) -> None:
    replica = server.start()
    change = waiting_change(replica)
    get(replica, "")

    with gone(postgres_server, way):
        begun = time.monotonic()
        refused = replica.send(command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS))
        slack_took = time.monotonic() - begun
        paths = (*_PATHS, "changes/c-00000000", f"changes/{change}")
        with ThreadPoolExecutor(len(paths)) as pool:
            shown = dict(zip(paths, pool.map(partial(get, replica), paths), strict=True))
        approve(replica, change)
        tags = prod_tags(server.folder)
    eventually(lambda: get(replica, "readyz")[0] == 200, 60)
    # Slack's part of the server does not ask again for half a second either.
    time.sleep(1)
    in_between = prod_tags(server.folder)
    approve(replica, change)
    eventually(lambda: is_in_prod(slack), 60)

    assert "try again" in refused or "start it" in refused
    assert slack_took < _ANSWER_SECONDS
    assert [code for code, _, _ in shown.values()] == [200, 200, 200, 503, 503, 503, 503, 200]
    assert all("PostgreSQL 127.0.0.1" in text for _, text, _ in shown.values())
    assert "Open changes as last known" in shown[""][1]
    assert change in shown["changes"][1]
    assert "This change as last known" in shown[f"changes/{change}"][1]
    assert "read from the registry now" in shown["history"][1]
    assert json.loads(shown["readyz"][1])["parts"]["store"]["ready"] is False
    known = json.loads(shown["api/v1/status"][1])["error"]["details"]["last_known"]
    assert known[1]["version"] == "v1.0.0"
    assert max(took for _, _, took in shown.values()) < _ANSWER_SECONDS
    assert tags == in_between == []


def test_new_database_takes_all_but_changes_in_flight_from_the_registry(
    server: Server, slack: FakeSlack, postgres_server: PostgresProcess
) -> None:
    replica = server.start()
    change = waiting_change(replica)
    replica.send(command_body("/lock", "staging 2h INC-7", BOB, DEPLOYS))
    eventually(lambda: "INC-7" in get(replica, "")[1], 60)
    replica.kill()

    postgres_server.execute(f"DROP SCHEMA {server.schema} CASCADE")
    floe = Floe(server.folder, {"FLOE_STATE_URL": postgres_server.url})
    rebuilt = floe.run("state", "rebuild", "--output", "json")
    shown = floe.run("state", "rebuild")
    again = server.start()
    page = eventually(lambda: found if "v1.0.0" in (found := get(again, "")[1]) else None, 60)
    history = get(again, "history")[1]
    again.send(command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS))
    asked = eventually(lambda: found if (found := newest_approval(slack)) != change else None, 60)
    approve(again, asked)
    eventually(lambda: is_in_prod(slack), 60)

    assert (rebuilt.code, shown.code) == (0, 0)
    staging = rebuilt.document["environments"][1]
    assert (staging["records"], staging["version"], staging["pending"]) == (2, "v1.0.0", [])
    assert staging["lock"]["reason"] == "INC-7"
    assert "Changes in flight: none. Those of a lost database must be requested" in shown.out
    assert "INC-7" in page
    assert change not in page
    assert "v1.0.0" in history


def newest_approval(slack: FakeSlack) -> str | None:
    from tests.bot.stage import block_ids

    found = [block_ids(m)[0] for m in slack.messages if block_ids(m)[0].endswith(":ask")]
    return found[-1].removesuffix(":ask") if found else None
