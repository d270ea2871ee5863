"""Raw HTTP requests that no client library would send, and their answers."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """An answer; status 0 if none arrived or the connection was closed without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request_bytes(
    method: str, target: str, headers: Headers, body: bytes, *, length: bool
) -> bytes:
    """Return a request line and header lines in latin-1, with any content."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def ask(port: int, request: bytes, patience_seconds: float = 2) -> Answer:
    """Send `request` and return the answer.

    The server waits for the rest of an incomplete request, so no answer within `patience_seconds`
    is a valid result.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=patience_seconds) as connection:
        answer = b""
        try:
            connection.sendall(request)
            while not _whole(answer) and (more := connection.recv(65536)):
                answer += more
        except OSError:
            # The server waits for more, or closed the connection.
            return _said(answer)
    return _said(answer)


def _said(answer: bytes) -> Answer:
    head, _, body = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    status = int(first.split()[1]) if first.startswith("HTTP/1.") else 0
    return Answer(status, {name.lower(): value.strip() for name, _, value in pairs}, body)


def _whole(answer: bytes) -> bool:
    """Return whether the answer is complete, or longer than the tests read."""
    said = _said(answer)
    if b"\r\n\r\n" not in answer or not said.status:
        return False
    if said.headers.get("content-type", "").startswith("text/event-stream"):
        return True
    return len(said.body) >= int(said.headers.get("content-length", 1 << 30))
