"""Viewers get events at once, and can occupy a limited number of threads."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.serving import serving
from tests.web.stage import Stage, stage_in

pytestmark = pytest.mark.requirement("WB-001")


def moved(lines: Iterator[str]) -> dict[str, str]:
    """Return the next event: the moved change and its kind."""
    for line in lines:
        if line.startswith("data:"):
            found: dict[str, str] = json.loads(line.removeprefix("data:"))
            return found
    raise AssertionError("the stream ended")


def test_viewer_receives_the_change_that_moved(stage: Stage, url: str) -> None:
    stage.publish("v1.0.0")
    with httpx.stream("GET", f"{url}/events", timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)

        change = stage.ask("v1.0.0", "staging")

        first = moved(lines)
        assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert first == {"change": change.id, "kind": "submitted"}


def test_reconnecting_viewer_misses_no_event(stage: Stage, url: str) -> None:
    stage.publish("v1.0.0")
    with httpx.stream("GET", f"{url}/events", timeout=60) as answer:
        lines = answer.iter_lines()
        known = next(line for line in lines if line.startswith("id:")).removeprefix("id: ")
    stage.ask("v1.0.0", "staging")

    headers = {"Last-Event-ID": known}
    with httpx.stream("GET", f"{url}/events", timeout=20, headers=headers) as answer:
        kinds = {moved(answer.iter_lines())["kind"]}

    assert kinds == {"submitted"}


def test_places_are_limited_and_released(tmp_path: Path) -> None:
    with stage_in(tmp_path, watchers=2) as stage, serving(stage.app) as url:
        with (
            httpx.stream("GET", f"{url}/events", timeout=60) as one,
            httpx.stream("GET", f"{url}/events", timeout=60) as two,
        ):
            next(one.iter_lines())
            next(two.iter_lines())
            full = httpx.get(f"{url}/events", timeout=60)
            page = httpx.get(f"{url}/", timeout=60)
        again = until_open(f"{url}/events")

    assert (full.status_code, full.headers["Retry-After"]) == (503, "30")
    assert page.status_code == 200
    assert again


def until_open(url: str) -> bool:
    """Return whether a place is released after a few rounds of the server."""
    for _ in range(100):
        with httpx.stream("GET", url, timeout=60) as answer:
            if answer.status_code == 200:
                return True
        threading.Event().wait(0.1)
    return False


def test_server_shutdown_ends_the_stream(stage: Stage) -> None:
    with serving(stage.app) as url, httpx.stream("GET", f"{url}/events", timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        stage.app.extensions["floe"].feed.stop()

        rest = list(lines)

    assert not [line for line in rest if line.startswith("event:")]


@pytest.mark.parametrize("said", ["", "x", "-1", "9" * 40, "99999999"])
def test_invalid_last_event_id_starts_at_the_present(stage: Stage, url: str, said: str) -> None:
    with httpx.stream(
        "GET", f"{url}/events", headers={"Last-Event-ID": said}, timeout=20
    ) as answer:
        first = [line for _, line in zip(range(2), answer.iter_lines(), strict=False)]

    assert first == ["retry: 3000", "id: 0"]


def test_failing_listener_does_not_silence_the_others(stage: Stage, url: str) -> None:
    stage.publish("v1.0.0")
    failed = threading.Event()

    def fail_once(_events: object) -> None:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError("listener fails")

    stage.app.extensions["floe"].feed.listeners.append(fail_once)
    with httpx.stream("GET", f"{url}/events", timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)

        change = stage.ask("v1.0.0", "staging")

        assert moved(lines) == {"change": change.id, "kind": "submitted"}
    assert failed.is_set()
