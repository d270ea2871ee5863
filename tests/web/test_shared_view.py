"""Viewers at the same time share renderings that began after their requests."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scenarios.changing import until
from web.shared_view import SharedView


class Slow:
    """A rendering that waits for its permission."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.go = threading.Semaphore(0)

    def render(self) -> str:
        self.begun.append(time.monotonic())
        assert self.go.acquire(timeout=30)
        return f"rendering {len(self.begun)}"


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as pool:
        yield pool


def test_crowd_costs_two_renderings_that_are_new_enough(crowd: ThreadPoolExecutor) -> None:
    view, slow = SharedView(), Slow()
    first = crowd.submit(view.get, "status", slow.render)
    assert until(lambda: len(slow.begun) == 1)

    others = [crowd.submit(view.get, "status", slow.render) for _ in range(50)]
    time.sleep(0.2)
    asked = time.monotonic()
    assert len(slow.begun) == 1
    slow.go.release(2)

    assert first.result(30) == "rendering 1"
    assert {each.result(30) for each in others} == {"rendering 2"}
    assert len(slow.begun) == 2
    assert slow.begun[1] > asked


def test_keys_are_rendered_apart(crowd: ThreadPoolExecutor) -> None:
    view, slow = SharedView(), Slow()
    waiting = crowd.submit(view.get, "status", slow.render)

    assert view.get("another", lambda: "at once") == "at once"

    slow.go.release()
    assert waiting.result(30) == "rendering 1"


def test_failure_reaches_those_who_share_it_and_no_later_viewer(crowd: ThreadPoolExecutor) -> None:
    view, slow = SharedView(), Slow()

    def fail() -> str:
        slow.render()
        raise ValueError("no template")

    first = crowd.submit(view.get, "status", fail)
    assert until(lambda: len(slow.begun) == 1)
    others = [crowd.submit(view.get, "status", fail) for _ in range(5)]
    time.sleep(0.2)
    slow.go.release(2)

    assert all(isinstance(each.exception(30), ValueError) for each in (first, *others))
    assert view.get("status", lambda: "fine again") == "fine again"
