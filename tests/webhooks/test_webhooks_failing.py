"""Webhooks that hang, refuse, redirect or break: tried again where that helps, never in the way."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.domain.records import a_promotion
from tests.peers.fake_http import Cut, Reply
from tests.webhooks.webhook_kit import Sink, webhooks

pytestmark = pytest.mark.requirement("FR-043")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.mark.parametrize("trouble", [Reply(500), Reply(503), Reply(429), Cut.BEFORE, Cut.AFTER])
def test_failed_delivery_is_repeated_with_the_same_id(
    sink: Sink, tmp_path: Path, trouble: Reply | Cut
) -> None:
    sink.script("POST", "/hook", trouble, trouble)
    sender = webhooks(tmp_path, sink.url())

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert len(sink.requests) == 3
    assert len({request.headers["webhook-id"] for request in sink.requests}) == 1
    assert len({request.body for request in sink.requests}) == 1
    assert (sender.outbox.waiting(), sender.undelivered()) == (0, ())


def test_it_is_given_up_after_its_retries_and_said_so(
    sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink.always("POST", "/hook", Reply(500))
    sender = webhooks(tmp_path, sink.url(), retry_count=2)

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert len(sink.requests) == 3
    [failure] = [each.delivery for each in sender.undelivered()]
    assert (failure.attempts, failure.problem) == (3, "answered 500")
    assert f"webhook delivery to http://{sink.host} failed: promote" in caplog.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(302, headers={"Location": "/hunter2"}), "answered 302, a redirect, which is not"),
        (Reply(307, headers={"Location": "/hunter2"}), "answered 307, a redirect, which is not"),
        (Reply(400, b"hunter2"), "answered 400: see to its url"),
        (Reply(404), "answered 404: see to its url"),
    ],
)
def test_what_repeating_cannot_help_is_not_repeated(
    sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: Reply, said: str
) -> None:
    sink.always("POST", "/hook", answer)
    sender = webhooks(tmp_path, sink.url())

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert len(sink.requests) == 1
    assert said in (sender.undelivered()[0].delivery.problem or "")
    assert said in caplog.text
    assert "hunter2" not in caplog.text


def test_a_webhook_that_wants_to_be_left_alone_is(sink: Sink, tmp_path: Path) -> None:
    dated = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    for path, after in (("/s", "600"), ("/date", dated), ("/long", "9" * 30)):
        sink.always("POST", path, Reply(429, headers={"Retry-After": after}))
    sender = webhooks(tmp_path, sink.url("/s"), sink.url("/date"), sink.url("/long"))

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert len(sink.requests) == 3
    due = sender.outbox.due_times()[""]
    assert timedelta(minutes=8) < due - datetime.now(UTC) <= timedelta(minutes=10)
    taken = sender.outbox.take(datetime.now(UTC) + timedelta(minutes=61), timedelta(0))
    assert len(taken) == 3


def test_a_webhook_that_hangs_holds_no_command_up(sink: Sink, tmp_path: Path) -> None:
    sink.always("POST", "/hook", Reply(204, delay_seconds=60))
    sender = webhooks(tmp_path, sink.url(), sink.url("/fine"))
    sender.enqueue(a_promotion())
    started = time.monotonic()

    sender.deliver_due(1)

    assert time.monotonic() - started < 10
    assert len(sink.seen("POST", "/fine")) == 1
    assert sender.outbox.waiting() == 1


def test_a_webhook_is_given_the_time_it_is_configured_with(sink: Sink, tmp_path: Path) -> None:
    sink.always("POST", "/hook", Reply(204, delay_seconds=60))
    sender = webhooks(tmp_path, sink.url(), timeout_seconds=0.2, retry_count=1)

    sender.enqueue(a_promotion())
    sender.deliver_due(20)

    [failure] = [each.delivery for each in sender.undelivered()]
    assert failure.problem == "did not answer within 0.2 seconds"
    assert len(sink.requests) == 2


def test_a_webhook_that_answers_a_byte_at_a_time_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=_drip, args=(server,))
        dripping.start()
        sender = webhooks(
            tmp_path,
            f"http://127.0.0.1:{server.getsockname()[1]}/",
            timeout_seconds=0.5,
            retry_count=0,
        )
        sender.enqueue(a_promotion())
        started = time.monotonic()

        sender.deliver_due(20)

        assert time.monotonic() - started < 15
        assert sender.undelivered()[0].delivery.problem == "did not answer within 0.5 seconds"
        dripping.join()


@pytest.mark.parametrize(
    "answer", [Reply(200, b"x" * 10_000_000), Reply(200, b"x" * 100, cut_after=50)]
)
def test_what_a_webhook_goes_on_to_say_is_not_read(
    sink: Sink, tmp_path: Path, answer: Reply
) -> None:
    sink.always("POST", "/hook", answer)
    sender = webhooks(tmp_path, sink.url())

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert len(sink.requests) == 1
    assert sender.outbox.waiting() == 0
    assert sender.undelivered() == ()


def test_unreachable_address_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sender = webhooks(tmp_path, "http://127.0.0.1:1/T1/hunter2", retry_count=1)

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert "webhook delivery to http://127.0.0.1:1 failed: promote" in caplog.text
    assert "cannot be reached" in caplog.text


def test_no_log_shows_an_address_or_header(
    sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sink.script("POST", "/hunter2", Reply(500), Cut.BEFORE)
    sender = webhooks(tmp_path, sink.url("/hunter2?key=hunter2"), headers={"X-Key": "hunter2"})

    sender.enqueue(a_promotion())
    sender.deliver_due()

    assert len(sink.requests) == 3
    assert caplog.records
    assert "hunter2" not in caplog.text
    assert b"hunter2" not in (tmp_path / "state/outbox.db").read_bytes()


def _drip(server: socket.socket) -> None:
    """Headers that never end, for three seconds or until the client goes."""
    connection, _ = server.accept()
    with connection, suppress(ConnectionError):
        for _ in range(30):
            connection.sendall(b"H")
            time.sleep(0.1)
