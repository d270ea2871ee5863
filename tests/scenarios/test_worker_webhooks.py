"""A server delivers webhooks in the background, each with its own time limit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.webhooks import Webhooks
from engine.bootstrap import SystemClock
from engine.bootstrap.deliveries import deliver_webhooks
from engine.changes.decisions import Changes
from engine.changes.sweeper import Workplace
from engine.changes.worker import Worker
from tests.conftest import Place
from tests.domain.records import a_promotion, a_rollback
from tests.peers.fake_http import Reply
from tests.scenarios.changing import Stage, stage_on, until
from tests.scenarios.engines import with_parts
from tests.scenarios.waiting import PACE
from tests.webhooks.webhook_kit import Sink, webhooks

# Longer than a command waits for its webhooks.
SLOW = 6.0


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    place = Place(LayoutRegistry.create(tmp_path / "registry"), lambda _artifact, _tag: None)
    with stage_on(place, tmp_path, pace=PACE) as built:
        yield built


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@contextmanager
def run_worker(stage: Stage, sender: Webhooks) -> Iterator[None]:
    """Run the stage's worker, with `sender` as the sender of its records."""
    changes = Changes(
        with_parts(stage.engine, webhook_sender=sender).runner, stage.platform.store, stage.rules.of
    )
    place = Workplace(changes, stage.platform.progression)
    places, store = {"": place}, stage.platform.store
    deliver = partial(deliver_webhooks, places)
    worker = Worker(places, store, SystemClock(), pace=PACE, deliver=deliver)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def delivered_all(sender: Webhooks) -> Callable[[], bool]:
    return lambda: sender.outbox.waiting() == 0


def test_webhook_may_take_longer_than_a_command_waits(
    stage: Stage, sink: Sink, tmp_path: Path
) -> None:
    sink.always("POST", "/hook", Reply(204, delay_seconds=SLOW))
    sender = webhooks(tmp_path, sink.url())
    sender.enqueue(a_promotion())

    with run_worker(stage, sender):
        assert until(delivered_all(sender), 60)

    assert len(sink.requests) == 1
    assert sender.undelivered() == ()


@pytest.mark.requirement("FR-044")
def test_delivery_does_not_wait_for_a_slow_webhook(
    stage: Stage, sink: Sink, tmp_path: Path
) -> None:
    sink.always("POST", "/never", Reply(204, delay_seconds=3600))
    never = webhooks(tmp_path, sink.url("/never"), events=("promote",), timeout_seconds=300)
    quick = webhooks(tmp_path, sink.url("/quick"), events=("rollback",))
    sender = replace(never, hooks=[*never.hooks, *quick.hooks])
    sender.enqueue(a_promotion())

    with run_worker(stage, sender):
        assert until(lambda: bool(sink.seen("POST", "^/never$")))
        sender.enqueue(a_rollback())
        assert until(lambda: sender.outbox.waiting() == 1)

    assert [request.path for request in sink.requests] == ["/never", "/quick"]
