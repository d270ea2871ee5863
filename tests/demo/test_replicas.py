"""`make demo-replicas`: its story ends well, and it leaves nothing running."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.stage import eventually
from tests.demo.processes import left_in, left_of
from tests.peers import docker_registry
from tests.peers.postgres import binaries

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.timeout(480),
    pytest.mark.skipif(binaries() is None, reason=".ci/packages postgresql"),
    pytest.mark.skipif(not shutil.which(docker_registry.PROGRAM), reason=".ci/packages"),
]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Start the demo; yield it and its output. A pipe would stay open in servers that it left."""
    output = tmp_path / "output"
    command = [sys.executable, "-m", "demo.replicas"]
    with (
        output.open("wb") as out,
        subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True
        ) as process,
    ):
        try:
            yield process, output
        finally:
            process.terminate()


@pytest.mark.requirement("SL-005")
def test_each_server_is_killed_once_and_the_other_one_takes_over(demo) -> None:
    process, output = demo

    code = process.wait(400)

    said = output.read_text()
    assert code == 0, said
    assert sorted(re.findall(r"kill -9 for server ([ab])", said)) == ["a", "b"]
    assert len(re.findall(r"took over[^\n]*?\d+\.\d s after the kill", said)) == 2
    assert "The ledger is sound" in said
    assert "Traceback" not in said
    assert left(process.pid) == []


def test_ctrl_c_ends_the_story_and_leaves_nothing_running(demo) -> None:
    process, output = demo
    eventually(lambda: "share the database" in output.read_text() or process.poll(), 240)

    # A terminal sends it to all processes of the group.
    os.killpg(process.pid, signal.SIGINT)
    code = process.wait(120)

    assert code == 130, output.read_text()
    assert output.read_text().endswith("Ended.\n")
    assert left(process.pid) == []


def left(session: int) -> list[int]:
    """List the processes of a demo: servers and Slack have sessions of their own."""
    return [*left_in(ROOT / ".demo/replicas"), *left_of(session)]
