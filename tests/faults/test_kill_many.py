"""Four processes killed at random during many promotions leave one record for each promotion."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.domain.record import PromotionRecord
from engine.domain.status import Alignment
from tests.builders import image
from tests.faults.troubled import Opened
from tests.peers import raw
from tests.scenarios.engines import ProgressLog, engine_on

# Set FLOE_TEST_PROMOTIONS=24 for a quick run.
PROMOTIONS = int(os.environ.get("FLOE_TEST_PROMOTIONS", "200"))
PROCESSES = 4
ROOT = Path(__file__).parents[2]


@dataclass
class Crowd:
    """Four promoters; a killed one is restarted with the same share."""

    arguments: tuple[str, str, str]
    versions: list[str]
    folder: Path
    chance: random.Random
    kills: int = 0
    running: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, share: int) -> None:
        path = self.folder / f"{share}.log"
        done = path.read_text().splitlines() if path.exists() else []
        left = [version for version in self.versions[share::PROCESSES] if version not in done]
        command = [sys.executable, "-m", "tests.faults.promoter", *self.arguments]
        with path.open("ab") as log:
            self.running[share] = subprocess.Popen(
                [*command, *left],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def done(self) -> int:
        """Return the reported promotions; a killed process may have made one more."""
        logs = [self.folder / f"{share}.log" for share in range(PROCESSES)]
        return sum(log.read_bytes().count(b"\n") for log in logs)

    def disturb(self) -> None:
        """Kill a process now and then, until all have finished."""
        for share in range(PROCESSES):
            self.start(share)
        told_at_kill = 0
        while alive := [share for share, process in self.running.items() if process.poll() is None]:
            time.sleep(self.chance.uniform(0, 0.05))
            if self.done() < told_at_kill + self.chance.randint(2, 6):
                continue
            victim = self.chance.choice(alive)
            self.running[victim].kill()
            self.running[victim].wait()
            self.kills += 1
            told_at_kill = self.done()
            self.start(victim)

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


@pytest.mark.timeout(600)
@pytest.mark.requirement("NFR-004")
def test_killed_processes_lose_no_promotion_and_count_none_twice(
    registry_host: str, repository: str, opened: Opened, tmp_path: Path
) -> None:
    versions = [f"v1.0.{number}" for number in range(PROMOTIONS)]
    for version in versions:
        raw.push(registry_host, repository, image(version.encode()), f"{version}-dev")
    crowd = Crowd((registry_host, repository, str(tmp_path)), versions, tmp_path, random.Random(11))
    started = time.monotonic()

    try:
        crowd.disturb()
        codes = [process.returncode for process in crowd.running.values()]
    finally:
        crowd.close()

    logs = [(tmp_path / f"{share}.log").read_text() for share in range(PROCESSES)]
    assert codes == [0] * PROCESSES, logs
    with engine_on(opened(registry_host, repository), tmp_path) as engine:
        (audited,) = engine.verify("staging", ProgressLog()).environments
        entries = engine.history("staging", 10 * PROMOTIONS)
        staging = engine.status()[1]
    recorded = Counter(e.record.version for e in entries if isinstance(e.record, PromotionRecord))
    took = time.monotonic() - started
    print(f"{PROMOTIONS} promotions, {crowd.kills} kills, {len(entries)} records, {took:.0f} s")
    assert audited.problems == ()
    assert recorded == Counter(versions)
    assert staging.alignment is Alignment.ALIGNED
    assert crowd.kills > PROMOTIONS // 12
