"""A thousand unfinished requests do not block other clients."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.stage import ALICE, SECRET
from tests.bot.test_serve import platform_in, post, serve, served
from tests.peers.half_open import half_open, still_open
from web.connections import most_connections

COUNT = 1000


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        running.person(ALICE, "alice@acme.com")
        yield running


def test_thousand_half_open_connections_block_neither_slack_nor_health(
    tmp_path: Path, slack: FakeSlack
) -> None:
    if most_connections() < COUNT:
        pytest.skip("this machine allows too few open files")
    platform_in(tmp_path, '"true"')
    variables = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.url,
    }
    with serve(tmp_path, **variables) as process:
        url = served(process)
        post(url, slack, "v1.0.0 nowhere")
        with half_open(url, COUNT) as connections:
            health = httpx.get(f"{url}healthz", timeout=30)
            acknowledged = post(url, slack, "v1.0.0 nowhere")
            left = still_open(connections)

    assert (health.status_code, acknowledged.status_code) == (200, 200)
    assert left >= COUNT // 3
