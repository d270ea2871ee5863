"""The start of a server of many products: time after imports, memory, and requests."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.platform import registry_host
from bench.products import PRODUCTS, memory
from bench.rows import Row
from engine.bootstrap import open_products
from engine.config import load_installation
from engine.ports.telemetry import NO_METRICS
from tests.config.server_files import write_product, write_server
from web.lifecycle import open_web
from web.server import Server

_HOSTS = 2
_DEFAULTS = """
promotion:
  environments: [{name: dev}, {name: qa}, {name: staging}, {name: canary}, {name: prod}]
"""


def rows() -> Iterator[Row]:
    with ExitStack() as stack:
        registries = [stack.enter_context(registry_host()) for _ in range(_HOSTS)]
        before = [_requests(folder) for _, folder in registries]
        command = [sys.executable, "-m", "bench.products_start", *(host for host, _ in registries)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise RuntimeError(f"the measurement failed: {done.stderr}")
        found = json.loads(done.stdout)
        sent = [_requests(each[1]) - old for each, old in zip(registries, before, strict=True)]
    name = f"{PRODUCTS} products on {_HOSTS} registries"
    yield Row(f"{name}, start after imports", found["start"] * 1000, "ms")
    yield Row(f"{name}, requests to a host", max(sent))
    yield Row(f"{name}, memory", found["memory"], "MiB each")


def _requests(folder: Path) -> int:
    """The requests of floe in the access log of a registry."""
    log = "".join(each.read_text() for each in folder.glob("registry-*.log"))
    return sum(line.endswith('"floe"') for line in log.splitlines())


def _measure(hosts: list[str]) -> dict[str, float]:
    """Start a server until it listens; nothing is read in the background."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        file = write_server(folder, _DEFAULTS)
        for number in range(PRODUCTS):
            uri = f"oci://{hosts[number % len(hosts)]}/bench/p{number}"
            write_product(folder, f"p{number}", f"artifacts: {{registry: {{uri: '{uri}'}}}}\n")
        used, started = memory(), time.perf_counter()
        found = load_installation(file, {})
        opened = open_products(found.products, NO_METRICS, several=True, server=found.server)
        products = stack.enter_context(opened)
        app = stack.enter_context(open_web(products, found.server, working=False))
        Server(app, "127.0.0.1", 0)
        seconds = time.perf_counter() - started
        assert len(products) == PRODUCTS
        return {"start": seconds, "memory": (memory() - used) / PRODUCTS}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1:])))
