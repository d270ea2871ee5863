"""`make demo-replicas`: its story ends well, and it leaves nothing running."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.processes import left_in, left_of
from tests.peers import docker_registry
from tests.peers.postgres import binaries

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.timeout(480),
    pytest.mark.skipif(binaries() is None, reason=".ci/packages postgresql"),
    pytest.mark.skipif(not shutil.which(docker_registry.PROGRAM), reason=".ci/packages"),
]


@pytest.mark.requirement("SL-005")
def test_each_server_is_killed_once_and_the_other_one_takes_over() -> None:
    with start() as demo:
        said, _ = demo.communicate()

    assert demo.returncode == 0, said
    assert sorted(re.findall(r"kill -9 for server ([ab])", said)) == ["a", "b"]
    assert len(re.findall(r"took over[^\n]*?\d+\.\d s after the kill", said)) == 2
    assert "The ledger is sound" in said
    assert "Traceback" not in said
    assert left(demo.pid) == []


def test_ctrl_c_ends_the_story_and_leaves_nothing_running() -> None:
    with start() as demo:
        assert demo.stdout
        said = ""
        while "share the database" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        # A terminal sends it to all processes of the group.
        os.killpg(demo.pid, signal.SIGINT)
        said += demo.stdout.read()

    assert demo.returncode == 130, said
    assert said.endswith("Ended.\n")
    assert left(demo.pid) == []


def start() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "demo.replicas"]
    out, err = subprocess.PIPE, subprocess.STDOUT
    return subprocess.Popen(
        command, cwd=ROOT, stdout=out, stderr=err, text=True, start_new_session=True
    )


def left(session: int) -> list[int]:
    """List the processes of a demo: servers and Slack have sessions of their own."""
    return [*left_in(ROOT / ".demo/replicas"), *left_of(session)]
