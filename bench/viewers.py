"""The first page under 50 viewers with live updates, beside one viewer; memory of the server."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from bench.rows import Row, beside
from tests.web.serving import serving
from tests.web.stage import Stage, stage_in

FEW, MANY = 1, 50
_MOVES = 15
# As the page's script waits after an event before it fetches the page.
_PAUSE_SECONDS = 0.2
_BETWEEN_SECONDS = 2.0


def rows() -> Iterator[Row]:
    with TemporaryDirectory() as folder, stage_in(Path(folder)) as stage, serving(stage.app) as url:
        stage.publish(*(f"v1.0.{number}" for number in range(3 * _MOVES)))
        alone = _fetches(stage, url, FEW, 0)
        before = _resident()
        crowd = _fetches(stage, url, MANY, _MOVES)
        between = _resident()
        _fetches(stage, url, MANY, 2 * _MOVES)
        after = _resident()
    peer = f"{FEW} viewer"
    name = f"first page, {MANY} viewers with live updates"
    yield beside(f"{name}, median", median(crowd), peer, median(alone))
    yield beside(f"{name}, p99", _p99(crowd), peer, _p99(alone))
    yield Row(f"{name}, slowest", max(crowd) * 1000, "ms")
    yield beside(f"{name}, memory", between, peer, before, "MiB")
    yield beside(f"{name}, memory after twice the changes", after, "half of them", between, "MiB")


def _fetches(stage: Stage, url: str, viewers: int, first: int) -> list[float]:
    """Promote versions while `viewers` watch; return the seconds of each of their fetches."""
    with _watching(url, viewers) as took:
        for number in range(first, first + _MOVES):
            stage.ask(f"v1.0.{number}", "staging")
            time.sleep(_BETWEEN_SECONDS)
    return took


@contextmanager
def _watching(url: str, viewers: int) -> Iterator[list[float]]:
    """Let another process watch; after the block, the list has the seconds of each fetch."""
    spawn = multiprocessing.get_context("spawn")
    times: Queue[list[float]] = spawn.Queue()
    ready, done = spawn.Semaphore(0), spawn.Event()
    process = spawn.Process(target=_crowd, args=(url, viewers, ready, done, times))
    process.start()
    took: list[float] = []
    try:
        for _ in range(viewers):
            if not ready.acquire(timeout=60):
                raise SystemExit(f"not all of {viewers} viewers are watching")
        yield took
        done.set()
        took += times.get(timeout=60)
    finally:
        done.set()
        process.join(30)


def _crowd(url: str, viewers: int, ready: Any, done: Any, times: Any) -> None:
    """Follow the events of `url` in threads, and fetch the page after each."""
    took: list[float] = []
    threads = [
        threading.Thread(target=_follow, args=(url, ready, done, took), daemon=True)
        for _ in range(viewers)
    ]
    for thread in threads:
        thread.start()
    done.wait()
    times.put(took)


def _follow(url: str, ready: Any, done: Any, took: list[float]) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        client.get("/").raise_for_status()
        with client.stream("GET", "/events") as events:
            events.raise_for_status()
            ready.release()
            fetched = 0.0
            for line in events.iter_lines():
                if done.is_set():
                    return
                # The page's script gathers the events of its pause into one fetch.
                if line.startswith("data:") and time.monotonic() - fetched > _PAUSE_SECONDS:
                    time.sleep(_PAUSE_SECONDS)
                    fetched = time.monotonic()
                    client.get("/", headers={"HX-Request": "true"}).raise_for_status()
                    took.append(time.monotonic() - fetched)


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def _resident() -> float:
    """The memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20
