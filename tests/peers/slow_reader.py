"""A registry that opens uploads at once and takes their content slowly."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_OPENED = b"HTTP/1.1 202 Accepted\r\nLocation: /v2/upload/1\r\nContent-Length: 0\r\n\r\n"
_STORED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def slow_reader(step_bytes: int, step_seconds: float) -> Iterator[str]:
    """Yield its `host:port`. It reads `step_bytes` of a PUT in each `step_seconds`."""
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while head := b"".join(iter(stream.readline, b"\r\n")):
                if head.startswith(b"POST"):
                    connection.sendall(_OPENED)
                    continue
                left = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
                while left > 0 and not stopped.wait(step_seconds):
                    left -= len(stream.read(min(step_bytes, left))) or left
                connection.sendall(_STORED)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopped.set()
            # Wakes `accept`, which closing alone does not.
            listener.shutdown(socket.SHUT_RDWR)
