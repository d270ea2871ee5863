"""Connections with incomplete or oversized requests."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from flask import Response

from tests.web.serving import serving
from tests.web.stage import Stage
from web.connections import LARGEST_BODY, Connection
from web.server import Server

MIB = 1024 * 1024
# More than waitress and the kernel keep for a reader.
FLOOD = 64


class ShortTimeouts(Connection):
    """A connection with short time limits."""

    header_seconds = 2
    request_seconds = 0.2
    reading_seconds = 5


@pytest.fixture
def hasty(stage: Stage) -> Iterator[str]:
    with serving(stage.app, connection=ShortTimeouts) as url:
        yield url


def connected(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def closed_while_sent(connection: socket.socket, start: bytes, seconds: float = 60) -> bool:
    """Return whether the server closes a connection that sends `start` and then single bytes."""
    end = time.monotonic() + seconds
    try:
        connection.sendall(start)
        while time.monotonic() < end:
            connection.sendall(b"a")
            time.sleep(0.05)
    except OSError:
        return True
    return False


@pytest.mark.parametrize(
    "start",
    [b"GET / HT", b"GET / HTTP/1.1\r\nX-A: b", b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n"],
)
def test_request_sent_byte_by_byte_times_out(hasty: str, start: bytes) -> None:
    with connected(hasty) as connection:
        closed = closed_while_sent(connection, start)

    assert closed
    assert httpx.get(f"{hasty}/healthz").status_code == 200


def test_ending_server_refuses_connections_while_it_answers(stage: Stage) -> None:
    begun, go = threading.Event(), threading.Event()
    answer = stage.app.wsgi_app

    def answer_later(*arguments: Any) -> Any:
        begun.set()
        go.wait(30)
        return answer(*arguments)

    stage.app.wsgi_app = answer_later  # type: ignore[method-assign]
    server = Server(stage.app, "127.0.0.1", 0)
    running = threading.Thread(target=server.run)
    running.start()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.get, f"{server.url}healthz", timeout=60)
        assert begun.wait(30)
        server.stop()
        end = time.monotonic() + 5
        while not (refused := is_refused(server.url.rstrip("/"))) and time.monotonic() < end:
            time.sleep(0.05)
        go.set()
        code = asked.result().status_code
    running.join(30)

    assert refused
    assert code == 200


def is_refused(url: str) -> bool:
    try:
        connected(url).close()
    except ConnectionRefusedError:
        return True
    return False


def test_idle_connection_is_closed(hasty: str) -> None:
    with connected(hasty) as connection:
        connection.settimeout(30)

        assert connection.recv(1) == b""


def test_oldest_connections_make_room_for_new_ones(stage: Stage) -> None:
    with serving(stage.app, most=20) as url:
        connections = [connected(url) for _ in range(60)]
        answer = httpx.get(f"{url}/healthz", timeout=5)
        for connection in connections:
            connection.close()

    assert answer.status_code == 200


def test_answer_that_nobody_reads_ends(stage: Stage) -> None:
    ended = threading.Event()
    stage.app.add_url_rule("/flood", view_func=lambda: Response(flood(ended)))
    with serving(stage.app, connection=ShortTimeouts) as url, connected(url) as connection:
        connection.sendall(b"GET /flood HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        assert connection.recv(1) == b"H"
        assert ended.wait(60)


def test_slow_reader_receives_the_whole_answer(stage: Stage) -> None:
    ended = threading.Event()
    stage.app.add_url_rule("/flood", view_func=lambda: Response(flood(ended)))
    size = 0
    with (
        serving(stage.app, connection=ShortTimeouts) as url,
        httpx.stream("GET", f"{url}/flood", timeout=30) as answer,
    ):
        for chunk in answer.iter_bytes(MIB):
            size += len(chunk)
            time.sleep(0.15)

    assert size == FLOOD * MIB


def flood(ended: threading.Event) -> Iterator[bytes]:
    try:
        for _ in range(FLOOD):
            yield bytes(MIB)
    finally:
        ended.set()


def test_connection_is_kept_between_requests(hasty: str) -> None:
    with closing(HTTPConnection(hasty.removeprefix("http://"), timeout=30)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            time.sleep(0.3)

            assert (answer.status, connection.sock) == (200, first)


@pytest.mark.parametrize(
    "framed", [f"Content-Length: {50 * LARGEST_BODY}", "Transfer-Encoding: chunked"]
)
def test_oversized_body_is_refused_while_it_arrives(stage: Stage, framed: str) -> None:
    start = f"POST /sign-out HTTP/1.1\r\nHost: 127.0.0.1\r\n{framed}\r\n\r\n".encode()
    with serving(stage.app) as url, connected(url) as connection:
        connection.sendall(start)
        sent = sent_until_closed(connection, 20 * LARGEST_BODY)

        assert sent < 20 * LARGEST_BODY
        assert httpx.get(f"{url}/healthz").status_code == 200


def sent_until_closed(connection: socket.socket, most: int) -> int:
    """Return the number of bytes that the server accepts, in chunks."""
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    sent = 0
    try:
        while sent < most:
            connection.sendall(chunk)
            sent += len(chunk)
    except OSError:
        return sent
    return sent
