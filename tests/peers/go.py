"""Peers that `make peers` and `make test-peers` build from Go modules."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
BIN = Path(os.environ.get("FLOE_PEERS") or _CACHE / "floe-peers") / "bin"


def peer(name: str) -> Path:
    """Return the path of a built program, or skip the test and name the command that builds it."""
    program = BIN / name
    if not program.exists():
        pytest.skip(f"{name} is not built. Install Go, and run: make peers test-peers")
    return program


@contextmanager
def referrers_registry() -> Iterator[str]:
    """A registry with the referrers API, in memory; yields its `host:port`."""
    command = [str(peer("referrers-registry"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
