"""The walks of docs/architecture.md name the functions that a promotion really passes."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from engine.domain.change import ChangeState
from tests.bot.stage import BOB, Stage, stage_in

ROOT = Path(__file__).parents[2]
_STEP = re.compile(r"^\d+\. `([^`]+)` `([^`]+)`", re.MULTILINE)

Step = tuple[str, str]


def test_promote_command_passes_the_documented_functions(tmp_path: Path) -> None:
    with recorded_calls() as calls, stage_in(tmp_path) as stage:
        stage.publish("v3.0.0")
        calls.clear()

        stage.command("/promote v3.0.0 dev staging")
        stage.change(ChangeState.PROMOTED, "v3.0.0")
        passed = list(calls)

    assert_in_order(documented("From `/promote` in Slack to the registry"), passed)


def test_click_on_approve_passes_the_documented_functions(tmp_path: Path) -> None:
    with recorded_calls() as calls, stage_in(tmp_path) as stage:
        change = waiting_change(stage)
        calls.clear()

        stage.click("floe_approve", change, BOB)
        stage.change(ChangeState.PROMOTED)
        passed = list(calls)

    assert_in_order(documented("From a click on Approve to the registry"), passed)


def waiting_change(stage: Stage) -> str:
    stage.command("/promote v1.0.0 staging prod")
    change = stage.change(ChangeState.AWAITING_APPROVAL)
    stage.approval_request(change)
    return change.id


def documented(heading: str) -> list[Step]:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    steps = [(found[1], found[2]) for found in _STEP.finditer(section)]
    assert 0 < len(steps) <= 12
    return steps


def assert_in_order(steps: list[Step], passed: list[Step]) -> None:
    position = 0
    for step in steps:
        assert step in passed[position:], f"{step} is not called after {passed[position - 1]}"
        position = passed.index(step, position) + 1


@contextmanager
def recorded_calls() -> Iterator[list[Step]]:
    """Record file and function of every call in this thread and in threads started inside."""
    calls: list[Step] = []
    prefix = f"{ROOT}/"

    def record(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(prefix):
            calls.append((code.co_filename.removeprefix(prefix), code.co_qualname))

    threading.setprofile(record)
    sys.setprofile(record)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
