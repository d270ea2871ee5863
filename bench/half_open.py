"""Response times while a thousand connections send incomplete requests."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx

from bench.rows import Row
from tests.bot.fake_slack import BOT_TOKEN, fake_slack
from tests.bot.stage import ALICE, SECRET
from tests.bot.test_serve import platform_in, post, serve, served
from tests.peers.half_open import half_open, still_open
from web.connections import most_connections

COUNT, ASKED = 1000, 20


def rows() -> Iterator[Row]:
    most_connections()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder, fake_slack() as slack:
        slack.person(ALICE, "alice@acme.com")
        platform_in(Path(folder), '"true"')
        variables = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": slack.url,
        }
        with serve(Path(folder), **variables) as process:
            url = served(process)
            # All connections share one TLS context.
            client = stack.enter_context(httpx.Client(timeout=60, headers={"Connection": "close"}))
            asked = {
                "health": lambda: client.get(f"{url}healthz"),
                "Slack acknowledgement": lambda: post(url, slack, "v1.0.0 nowhere", client),
            }
            yield from _slowest(asked, "no connection half open")
            with half_open(url, COUNT) as connections:
                yield from _slowest(asked, f"{COUNT} connections half open")
                yield Row("half-open connections that stay open", still_open(connections))


def _slowest(asked: dict[str, Callable[[], httpx.Response]], when: str) -> Iterator[Row]:
    for name, ask in asked.items():
        seconds = []
        for _ in range(ASKED):
            began = time.perf_counter()
            ask().raise_for_status()
            seconds.append(time.perf_counter() - began)
        middle = sorted(seconds)[ASKED // 2]
        yield Row(f"{name}, {when}, median", middle * 1000, "ms")
        yield Row(f"{name}, {when}, slowest", max(seconds) * 1000, "ms")
