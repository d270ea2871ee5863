"""Queries that ten servers without work send to their database."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.load import served
from bench.platform import registry_host
from bench.rows import Row
from tests.bot.fake_slack import fake_slack
from tests.bot.manifest import bot_manifest
from tests.bot.stage import DEPLOYS
from tests.bot.test_idle_servers import logged_database, transactions
from tests.builders import image
from tests.peers import oci_layout
from tests.peers.postgres import postgres

_SERVERS, _SECONDS = 10, 10.0
# Servers choose a leader and migrate the tables.
_SETTLED = 10.0


def rows() -> Iterator[Row]:
    with registry_host() as (_, folder), fake_slack() as slack, postgres() as database:
        log = database.folder / "log"
        with logged_database(database) as name, ExitStack() as stack:
            url = database.url_of(name)
            for number in range(_SERVERS):
                place = _prepared(folder / f"server-{number}")
                stack.enter_context(served(place, slack, FLOE_STATE_URL=url))
            time.sleep(_SETTLED)
            before, started = transactions(log.read_text()), time.monotonic()
            time.sleep(_SECONDS)
            sent = transactions(log.read_text()) - before
            rate = sent / (time.monotonic() - started)
    yield Row(f"transactions of {_SERVERS} idle servers", rate, "a second")


def _prepared(folder: Path) -> Path:
    folder.mkdir()
    state = "state: {url: env:FLOE_STATE_URL}"
    (folder / "manifest.yaml").write_text(f"{bot_manifest(DEPLOYS)}\n{state}\n")
    oci_layout.write(folder / "registry", image(b"one"), "v1.0.0-dev")
    return folder
