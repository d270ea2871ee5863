"""The cost of each product of a server: time to open it, memory, and threads."""

import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.platform import registry_host
from bench.rows import Row
from engine.bootstrap.background import Background
from engine.bootstrap.server import open_record_tables, records_of
from engine.config import Config
from tests.scenarios.together import product, served

PRODUCTS = 200
_ENVIRONMENTS = ("qa", "staging", "canary", "prod")
_PLACES = {"layouts": "OCI layouts", "registry": "one docker-registry"}


def rows() -> Iterator[Row]:
    for kind, place in _PLACES.items():
        with registry_host() as (host, _):
            command = [sys.executable, "-m", "bench.products", kind, host]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise RuntimeError(f"the measurement failed: {done.stderr}")
        for step, facts in json.loads(done.stdout).items():
            for unit, figure in facts.items():
                yield Row(f"{PRODUCTS} products on {place}, {step}", figure, unit)


def _measure(kind: str, host: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        # The first product pays for imports, and is not measured.
        warm = stack.enter_context(served(_product(folder, "warm", kind, host), working=False))
        warm["warm"].engine.status()
        used, started = memory(), time.perf_counter()
        configs = [_product(folder, f"p{n}", kind, host) for n in range(PRODUCTS)]
        found["manifests read"] = _facts(started, used)
        used, started = memory(), time.perf_counter()
        products = stack.enter_context(served(*configs))
        found["opened"] = _facts(started, used)
        started = time.perf_counter()
        for future in [each.engine.submit(each.engine.status) for each in products.values()]:
            future.result()
        found["status of each"] = _facts(started, used)
        started = time.perf_counter()
        tables = stack.enter_context(open_record_tables(configs[0]))
        copies = [records_of(c.product, products[c.product].engine, tables) for c in configs]
        background = Background(several=True)
        for config, records in zip(configs, copies, strict=True):
            background.add(products[config.product], records)
        background.start()
        stack.callback(background.stop)
        while not all(records.read_at for records in copies):
            time.sleep(0.01)
        found["records copied"] = _facts(started, used)
    return found


def _product(folder: Path, name: str, kind: str, host: str) -> Config:
    uri = "oci-layout:./registry" if kind == "layouts" else f"oci://{host}/bench/{name}"
    return product(folder, name, *_ENVIRONMENTS, registry=f'uri: "{uri}"')


def _facts(started: float, used: float) -> dict[str, float]:
    seconds = time.perf_counter() - started
    return {
        "ms each": 1000 * seconds / PRODUCTS,
        "MiB each": (memory() - used) / PRODUCTS,
        "threads": threading.active_count(),
    }


def memory() -> float:
    """The resident memory of this process in MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / (1024 * 1024)


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
