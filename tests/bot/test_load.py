"""Many concurrent users: nothing is lost, duplicated or leaked."""

import os
import threading
import time
from pathlib import Path

import pytest
from slack_bolt import BoltRequest

from tests.bot.crowd import Crowd
from tests.bot.crowd_checks import find_problems
from tests.bot.crowd_platform import CrowdPlatform
from tests.bot.fake_slack import fake_slack
from tests.bot.stage import Stage, eventually
from tests.builders import image
from tests.peers import oci_layout

_LANES, _DEPTH = 6, 5
# Many times the memory that thirty changes need.
_MOST_MIB = 64
_PATIENCE = 60


def resident_mib():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def threads_and_files():
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def crowded(tmp_path):
    built = CrowdPlatform(tmp_path, '{uri: "oci-layout:./registry"}', _LANES, _DEPTH)
    for lane in built.cases():
        for case in lane:
            artifact = image(case.version.encode())
            oci_layout.write(tmp_path / "registry", artifact, f"{case.version}-dev")
    return built


def remaining_problems(look):
    """Repeat `look` until it finds nothing, because messages may still be in transit."""
    end = time.monotonic() + _PATIENCE
    while (found := look()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


@pytest.mark.requirement("SL-001")
@pytest.mark.requirement("SL-003")
@pytest.mark.requirement("SL-005")
def test_concurrent_requests_and_clicks_take_effect_once_and_leak_nothing(crowded):
    before = threads_and_files()

    with fake_slack() as slack:
        crowded.prepare(slack)
        stage = Stage(crowded.folder, slack)
        stage.start()
        try:

            def post(body, headers):
                sent = {name: [value] for name, value in headers.items()}
                return stage.bot.app.dispatch(BoltRequest(body=body, headers=sent)).status

            used = resident_mib()
            Crowd(slack, post).play(crowded.cases())
            found = remaining_problems(
                lambda: find_problems(crowded.cases(), stage.platform, slack)
            )
            grown = resident_mib() - used
        finally:
            stage.stop()

    assert found == []
    assert grown < _MOST_MIB
    eventually(lambda: all(now <= b for now, b in zip(threads_and_files(), before, strict=True)))
