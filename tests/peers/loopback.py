"""Ports for servers on loopback, and a wait until they answer."""

import os
import secrets
import socket
import subprocess
import time
from itertools import count

import httpx

# Below the kernel's ephemeral ports, which it could give to another connection while a server
# starts. Each worker of a parallel run has its own slice.
_FIRST, _SLICE, _SLICES = 10_000, 1_000, 20
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_next = count(secrets.randbelow(_SLICE))


def free_port() -> int:
    """Return a free port of 127.0.0.1 that is not reused soon."""
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
    """Wait until the server, which is `process`, gives any answer at `url`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer at {url}")
