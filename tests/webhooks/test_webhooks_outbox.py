"""The outbox of webhooks: restarts, concurrent senders, and failed deliveries."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.webhooks import SqlOutbox, Webhooks, outbox_database
from engine.domain.errors import StoreUnavailableError
from engine.ports.webhooks import redeliver_failed
from tests.domain.records import a_promotion, a_rollback
from tests.peers.fake_http import Reply
from tests.webhooks.webhook_kit import Sink, delivering, webhooks

OTHER = "0" * 32


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def test_a_restart_loses_no_message_and_repeats_none(sink: Sink, tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.webhooks.webhook_kit import webhooks\n"
        "from tests.domain.records import a_promotion\n"
        "webhooks(Path(sys.argv[1]), sys.argv[2]).enqueue(a_promotion())\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path), sink.url()], timeout=60)
    sender = webhooks(tmp_path, sink.url())

    sender.enqueue(a_promotion())
    sender.deliver_due()
    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert len(sink.requests) == 1


def test_delivery_of_a_killed_sender_is_taken_over(tmp_path: Path) -> None:
    outbox = webhooks(tmp_path, "http://127.0.0.1:1/").outbox
    webhooks(tmp_path, "http://127.0.0.1:1/").enqueue(a_promotion())
    now = datetime.now(UTC)

    [taken] = outbox.take(now, timedelta(minutes=1))

    assert outbox.take(now + timedelta(seconds=59), timedelta(minutes=1)) == ()
    assert outbox.take(now + timedelta(seconds=61), timedelta(minutes=1)) == (taken,)


def test_two_processes_tell_a_webhook_once(sink: Sink, tmp_path: Path) -> None:
    sink.always("POST", "/hook", Reply(204, delay_seconds=0.5))
    one, other = webhooks(tmp_path, sink.url()), webhooks(tmp_path, sink.url())
    one.enqueue(a_promotion())

    with delivering(one), delivering(other):
        one.enqueue(a_rollback(rollback_id=OTHER))
        _until(lambda: one.outbox.waiting() == 0)

    assert len(sink.requests) == 2


def test_what_was_given_up_is_delivered_on_request(sink: Sink, tmp_path: Path) -> None:
    sink.script("POST", "/hook", Reply(404))
    sender = webhooks(tmp_path, sink.url())
    sender.enqueue(a_promotion())
    sender.deliver_due()
    [failure] = [each.delivery for each in sender.undelivered()]

    again = sender.redeliver(failure.id)
    sender.deliver_due()

    assert again
    assert sender.undelivered() == ()
    assert not sender.redeliver(failure.id)
    ids = [request.headers["webhook-id"] for request in sink.requests]
    assert ids == [failure.id, failure.id]


def given_up(sender: Webhooks, count: int) -> list[str]:
    """The ids of `count` failed deliveries, oldest first."""
    now, outbox = datetime.now(UTC), sender.outbox
    for number in range(count):
        sender.enqueue(a_promotion(promotion_id=f"{number:032x}"))
    ids = []
    while batch := outbox.take(now + timedelta(minutes=1), timedelta(minutes=10)):
        for delivery in batch:
            ids.append(delivery.id)
            outbox.failed(delivery, "answered 410", now + timedelta(seconds=len(ids)))
    return ids


def test_what_was_given_up_long_ago_is_still_found(sink: Sink, tmp_path: Path) -> None:
    sender = webhooks(tmp_path, sink.url())
    oldest = given_up(sender, 101)[0]

    again = redeliver_failed(sender, oldest)

    assert again == (oldest,)
    assert [request.headers["webhook-id"] for request in sink.requests] == [oldest]


def test_all_that_was_given_up_is_tried_again(sink: Sink, tmp_path: Path) -> None:
    sender = webhooks(tmp_path, sink.url())
    ids = given_up(sender, 101)

    again = redeliver_failed(sender, "all")

    assert sorted(again) == sorted(ids)
    assert sender.undelivered() == ()


def test_a_webhook_is_found_again_at_another_place_and_never_mistaken(
    sink: Sink, tmp_path: Path
) -> None:
    webhooks(tmp_path, sink.url("/old")).enqueue(a_promotion())
    webhooks(tmp_path, sink.url("/gone")).enqueue(a_rollback(rollback_id=OTHER))

    moved = webhooks(tmp_path, sink.url("/new"), sink.url("/old"))
    moved.deliver_due()

    assert [request.path for request in sink.requests] == ["/old"]
    assert [each.delivery.problem for each in moved.undelivered()] == ["is not configured any more"]


def test_a_look_into_the_outbox_ends_no_lock_of_another_thread(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    assert SqlOutbox(outbox_database(tmp_path)).waiting() == 0
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0.1).execute('BEGIN IMMEDIATE')"

    with closing(sqlite3.connect(path, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="is being written by others"):
            SqlOutbox(outbox_database(tmp_path, 0.1)).waiting()
        other = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60
        )

    assert "database is locked" in other.stderr


@pytest.mark.requirement("FR-043")
@pytest.mark.parametrize("kind", ["directory", "theirs", "rubbish"])
def test_an_outbox_that_cannot_be_used_stops_nothing(
    sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    path = tmp_path / "state" / "outbox.db"
    path.parent.mkdir()
    if kind == "directory":
        path.mkdir()
    elif kind == "rubbish":
        path.write_bytes(b"once upon a time " * 300)
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE theirs (x)")
    sender = webhooks(tmp_path, sink.url())

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert "webhook deliveries of promotion" in caplog.text
    assert "webhook delivery is delayed: the outbox" in caplog.text


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
