"""What servers on loopback share: a port they can be told, and how to know that they answer."""

import os
import secrets
import socket
import subprocess
import time
from itertools import count

import httpx

# Below what the kernel gives out by itself: it would hand the port of a server that is only just
# starting to whoever connects to something. Each worker of a parallel run has a slice of its own.
_FIRST, _SLICE, _SLICES = 10_000, 1_000, 20
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_next = count(secrets.randbelow(_SLICE))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that nobody else is given soon."""
    first = _FIRST + _worker % _SLICES * _SLICE
    for _ in range(_SLICE):
        port = first + next(_next) % _SLICE
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"each port from {first} to {first + _SLICE - 1} is taken on this machine")


def until_answered(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Returns once the server, which is `process`, answers anything at all at `url`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer at {url}")
