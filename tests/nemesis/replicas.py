"""Servers that share a database, each with connections of its own that can be cut."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.bot.fake_slack import BOT_TOKEN
from tests.bot.stage import SECRET, eventually
from tests.nemesis.relay import Relay

_ROOT = Path(__file__).parents[2]
# The clocks of the machine, moved before anything reads them.
_PROGRAM = """
import time
real, ahead = time.time, {offset}
time.time = lambda: real() + ahead
from datetime import UTC, datetime
from engine.bootstrap import clock
clock.SystemClock.now = lambda _: datetime.fromtimestamp(time.time(), UTC)
from cli.main import main
main()
"""
_START_SECONDS = 120


@dataclass
class Places:
    """The addresses that all replicas share: `host:port`, and URLs."""

    registry: str
    slack: str
    database: str

    def address(self, name: str) -> str:
        """`host:port` of "registry", "slack" or "database"."""
        value = getattr(self, name)
        return str(value) if name == "registry" else urlsplit(value).netloc.rpartition("@")[2]


@dataclass
class Replica:
    """
    A server with its manifest in `folder`, whose clock is `offset` seconds ahead.
    """

    folder: Path
    places: Places
    database: Relay
    web: Relay
    offset: int = 0
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    starts: int = field(default=0)

    def start(self) -> None:
        """Start the server, and again if it ends, which it does while the database is down."""
        self._run()
        self.url = eventually(self._address, _START_SECONDS)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.url = ""

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def cut(self, name: str) -> None:
        """Cut the connections to "registry", "slack" or "database"."""
        self._relay(name).cut(self.places.address(name))

    def mend(self, name: str) -> None:
        self._relay(name).mend(self.places.address(name))

    def _relay(self, name: str) -> Relay:
        return self.database if name == "database" else self.web

    def _environment(self) -> dict[str, str]:
        url = urlsplit(self.places.database)
        user = url.netloc.rpartition("@")[0]
        moved = url._replace(netloc=f"{user}@127.0.0.1:{self.database.port}").geturl()
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_ROOT),
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": self.places.slack,
            "FLOE_STATE_URL": moved,
            "HTTP_PROXY": f"http://127.0.0.1:{self.web.port}",
        }

    def _run(self) -> None:
        self.starts += 1
        with self._log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(offset=self.offset), "serve", "--port", "0"],
                cwd=self.folder,
                env=self._environment(),
                stdout=out,
                stderr=out,
            )

    def _address(self) -> str | None:
        if self.process is not None and self.process.poll() is not None:
            self._run()
        said = self._log.read_text()
        return said.split("Serving ", 1)[1].split()[0] if "Serving " in said else None

    @property
    def _log(self) -> Path:
        """The output of the newest process."""
        return self.folder / f"serve-{self.starts}.log"


@contextmanager
def replicas(folder: Path, manifest: Path, places: Places, number: int) -> Iterator[list[Replica]]:
    """Start `number` servers, and kill them at the end; the clock of the last one is ahead."""
    with ExitStack() as stack:
        made = []
        for each in range(number):
            own = folder / f"replica-{each}"
            own.mkdir()
            shutil.copy(manifest, own / "manifest.yaml")
            relays = Relay(places.address("database")), Relay()
            database, web = (stack.enter_context(relay.running()) for relay in relays)
            offset = 40 if each == number - 1 else 0
            made.append(Replica(own, places, database, web, offset))
            stack.callback(made[-1].kill)
            made[-1].start()
        yield made
