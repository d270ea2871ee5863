"""A server without work leaves the shared database alone, and is woken when there is some."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.manifest import bot_manifest
from tests.bot.stage import ALICE, DEPLOYS, SECRET, eventually
from tests.bot.test_serve import has_said, post, serve, served
from tests.builders import image
from tests.peers import oci_layout
from tests.peers.postgres import PostgresProcess

# Ten servers may send 20 queries a second, and the one that sends to Slack more than the others.
_PER_SECOND = 3.0
_SECONDS = 8.0

pytestmark = pytest.mark.timeout(480)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        running.person(ALICE, "alice@acme.com")
        yield running


@contextmanager
def logged_database(server: PostgresProcess) -> Iterator[str]:
    """A database whose statements are in the log of the server; yields its name."""
    server.execute("CREATE DATABASE idle")
    server.execute("ALTER DATABASE idle SET log_statement = 'all'")
    try:
        yield "idle"
    finally:
        server.execute("DROP DATABASE idle WITH (FORCE)")


def transactions(log: str) -> int:
    return len(re.findall(r"LOG:  statement: (?:BEGIN|SET TRANSACTION)", log))


def test_idle_server_asks_the_database_rarely(
    tmp_path: Path, slack: FakeSlack, postgres_server: PostgresProcess
) -> None:
    hook = "webhooks: [{url: 'https://127.0.0.1:9/hook', events: [lock]}]"
    written = bot_manifest(DEPLOYS).replace("    gate_commands", f"    {hook}\n    gate_commands")
    (tmp_path / "manifest.yaml").write_text(f"{written}\nstate: {{url: env:FLOE_STATE_URL}}\n")
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")
    log = postgres_server.folder / "log"
    with logged_database(postgres_server) as name:
        variables = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": slack.url,
            "FLOE_STATE_URL": postgres_server.url_of(name),
        }
        with serve(tmp_path, **variables) as process:
            url = served(process)
            eventually(lambda: "LISTEN" in log.read_text(), 60)
            time.sleep(2)

            before = transactions(log.read_text())
            time.sleep(_SECONDS)
            idle = transactions(log.read_text()) - before
            post(url, slack, "v1.0.0 staging")
            begun = time.monotonic()
            eventually(lambda: has_said(slack, "Promoted"), 60)
            took = time.monotonic() - begun

    # Without any, the log would not show transactions.
    assert 1 <= idle <= _SECONDS * _PER_SECOND
    assert took < 30
