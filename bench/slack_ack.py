"""Times of acknowledgements to Slack with fifty open changes."""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.rows import Row
from bot.outbox import OutboxTiming
from engine.domain.change import ChangeState
from tests.bot.stage import BOB, Stage, stage_in

CHANGES, REQUESTS, AT_ONCE = 50, 400, 16
_GATE = 'sh, -c, "sleep 20"'
_KINDS = ("/promotions", "/promote v1.0.0 prod", "/lock prod", "/promote v1.0.0 prd", "approve")


def rows() -> Iterator[Row]:
    # The rate limit of a real workspace: messages queue up while requests arrive.
    with (
        tempfile.TemporaryDirectory() as folder,
        stage_in(Path(folder), tests=_GATE, tempo=OutboxTiming()) as stage,
    ):
        _fill(stage)
        open_before = len(stage.platform.store.open())
        with ThreadPoolExecutor(AT_ONCE) as crowd:
            took = list(crowd.map(lambda n: _ask(stage, n), range(REQUESTS)))
        running = [c for c in stage.platform.store.open() if c.state is ChangeState.CHECKING]
    yield Row("changes in flight", open_before)
    yield Row("of them, checking", len(running))
    yield from acknowledgements(took)


def acknowledgements(took: list[float], name: str = "acknowledgement") -> Iterator[Row]:
    """Rows of times in seconds."""
    found = sorted(took)
    for share, title in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        yield Row(f"{name}, {title}", found[int(len(found) * share)] * 1000, "ms")
    yield Row(f"{name}, slowest of {len(found):,}", found[-1] * 1000, "ms")


def _fill(stage: Stage) -> None:
    """Request fifty versions for production; the gates of the first one are running."""
    asker = stage.operator("alice@acme.com")
    for number in range(CHANGES):
        version = f"v3.0.{number}"
        stage.publish(version)
        stage.promote_elsewhere(version, "staging")
        stage.submit_elsewhere(version, asker)
    stage.eventually(lambda: len(stage.platform.store.open()) >= CHANGES)


def _ask(stage: Stage, number: int) -> float:
    kind = _KINDS[number % len(_KINDS)]
    began = time.perf_counter()
    if kind == "approve":
        answer = stage.click("floe_approve", "c-00000000", BOB)
    else:
        answer = stage.command(kind)
    took = time.perf_counter() - began
    if answer.status != 200:
        raise SystemExit(f"{kind} was answered with {answer.status}")
    return took
