"""Hundreds of promotions through the bot, fifty at once: counts losses and late answers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.platform import REPOSITORY, registry_host
from bench.rows import Row
from bench.slack_ack import acknowledgements
from engine.bootstrap import open_engine, open_platform
from engine.config import load_config
from engine.ports import NO_PROGRESS
from tests.bot.crowd import Crowd
from tests.bot.crowd_checks import Lanes, find_problems
from tests.bot.crowd_platform import CrowdPlatform
from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.stage import SECRET, eventually
from tests.builders import image
from tests.peers import raw

# The number of environments (and concurrent users), and of versions in each.
FEW, MANY = (10, 5), (50, 10)
_ROOT = Path(__file__).parents[1]
_PROGRAM = "from cli.main import main; main()"


@dataclass(frozen=True)
class Usage:
    """The resources of a process: resident memory in MiB, threads, open files."""

    memory: float
    threads: int
    files: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        memory = int(status["VmRSS"].split()[0]) / 1024
        return cls(memory, int(status["Threads"]), len(list(Path(f"/proc/{pid}/fd").iterdir())))


def rows(full: bool = False) -> Iterator[Row]:
    lanes, depth = MANY if full else FEW
    with registry_host() as (host, folder), fake_slack() as slack:
        registry = f"{{uri: 'oci://{host}/{REPOSITORY}', auth: {{type: anonymous}}}}"
        crowded = CrowdPlatform(folder, registry, lanes, depth)
        cases = crowded.cases()
        _publish(host, cases)
        crowded.prepare(slack)
        with served(folder, slack) as (process, url):
            yield from _played(cases, slack, process.pid, url)
        yield from _reckoned(cases, slack, crowded.manifest)


def _publish(host: str, cases: Lanes) -> None:
    for lane in cases:
        for case in lane:
            raw.push(host, REPOSITORY, image(case.version.encode()), f"{case.version}-dev")


@contextmanager
def served(
    folder: Path, slack: FakeSlack, **variables: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `floe serve` in `folder` and stop it at the end; yield the process and its URL."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(_ROOT),
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.url,
        **variables,
    }
    command = [sys.executable, "-c", _PROGRAM, "serve", "--port", "0"]
    log = folder / "serve.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=folder, env=environ, stderr=out) as process,
    ):
        try:
            url = eventually(lambda: _address(log), 60)
            yield process, url
            process.send_signal(signal.SIGTERM)
            if process.wait(120) != 0:
                raise SystemExit(f"the server ended with {process.returncode}: {_end_of(log)}")
        finally:
            process.kill()


def _played(cases: Lanes, slack: FakeSlack, pid: int, url: str) -> Iterator[Row]:
    every = sum(map(len, cases)) // 5
    used = [("at first", Usage.of(pid))]

    def done(number: int) -> None:
        if number % every == 0:
            used.append((f"after {number}", Usage.of(pid)))

    with httpx.Client(timeout=60, limits=httpx.Limits(max_connections=100)) as client:

        def post(body: str, headers: dict[str, str]) -> int:
            sent = client.post(f"{url}slack/events", content=body, headers=headers)
            return sent.status_code

        crowd = Crowd(slack, post, done=done)
        began = time.monotonic()
        crowd.play(cases)
        seconds = time.monotonic() - began
    asked = sum(map(len, cases))
    yield Row(f"promotions, {len(cases)} at once, of {asked}", asked / seconds, "a second")
    yield from acknowledgements(crowd.took)
    for when, usage in used:
        yield Row(f"memory {when}", usage.memory, "MiB")
        yield Row(f"threads {when}", usage.threads)
        yield Row(f"open files {when}", usage.files)


def _reckoned(cases: Lanes, slack: FakeSlack, manifest: Path) -> Iterator[Row]:
    """Check the results after the server has ended, when no message is in transit."""
    config = load_config(manifest, {})
    with open_engine(config) as engine, open_platform(config, engine) as platform:
        found = find_problems(cases, platform, slack)
        if found:
            raise SystemExit("\n".join([f"{len(found)} things are wrong:", *found[:20]]))
        verified = platform.engine.verify(None, NO_PROGRESS).environments
        yield Row("changes, each with one end and one effect", sum(map(len, cases)))
        yield Row("messages, each posted once", len(slack.messages))
        yield Row("edits of messages", sum(message["edits"] for message in slack.messages))
        yield Row("verified ledger entries", sum(each.entries for each in verified))


def _address(log: Path) -> str | None:
    said = log.read_text()
    return said.split("Serving ", 1)[1].split()[0] if "Serving " in said else None


def _end_of(log: Path) -> str:
    return log.read_text()[-2000:]
