"""The stage of `make demo-replicas`: two servers, a database, a registry and a Slack workspace."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx

from demo.seed import VERSIONS
from demo.shell import Shell, UnexpectedError
from tests.builders import image
from tests.peers import raw
from tests.peers.docker_registry import docker_registry
from tests.peers.local_slack import ALICE, APP_TOKEN, BOB, BOT_TOKEN, Json, LocalSlack, local_slack
from tests.peers.loopback import free_port
from tests.peers.postgres import postgres

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / ".demo" / "replicas"
_GATES = PLATFORM / "gates.log"
_REPOSITORY = "acme/platform"
_PATIENCE_SECONDS = 90
T = TypeVar("T")


@dataclass
class Server:
    """A server of floe with a directory of its own; its state is in the database."""

    name: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return PLATFORM / self.name

    def start(self, slack: LocalSlack) -> None:
        floe = [str(Path(sys.executable).with_name("floe")), "serve", "--port", str(self.port)]
        tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                floe,
                cwd=self.folder,
                env=os.environ | tokens | {"SLACK_API_URL": slack.api},
                stderr=log,
                start_new_session=True,
            )

    def until_ready(self) -> None:
        """Wait until it reaches the database, the registry and Slack."""
        eventually(self._is_ready, f"server {self.name} was not ready")

    def _is_ready(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise UnexpectedError(f"server {self.name} has ended; see {self.folder / 'serve.log'}")
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Kill it as `kill -9` does: it cannot hand anything over."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_PATIENCE_SECONDS)
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Stage:
    """The servers, the Slack workspace, and the clock of the story."""

    slack: LocalSlack
    servers: dict[str, Server]
    _started: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Print `text` with the seconds since the start, and since the last step."""
        now = time.monotonic()
        print(f"[{now - self._started:5.1f} s, +{now - self._last:4.1f} s] {text}", flush=True)
        self._last = now

    def other(self, server: Server) -> Server:
        [found] = [each for each in self.servers.values() if each is not server]
        return found

    def ask(self, version: str, target: str) -> None:
        """Type the command as alice, who gets an answer from either server."""
        self.slack.command(ALICE, f"/promote {version} {target}")

    def card(self, version: str, target: str, words: str) -> Json:
        """Return the card of the change, once it contains `words`."""
        return eventually(
            lambda: next((m for m in self._cards(version, target) if words in m["text"]), None),
            f"the card of {version} to {target} did not say “{words}”",
        )

    def question(self, version: str) -> Json:
        """Return the message that asks for approval, once it is posted."""
        root = self.card(version, "prod", version)
        key = _block(root).replace(":root", ":ask")
        return eventually(
            lambda: next((m for m in self.slack.thread(root) if _block(m) == key), None),
            f"Slack did not ask to approve {version}",
        )

    def approve(self, version: str) -> float:
        """Click Approve as bob; return the milliseconds until a server acknowledged it."""
        question, before = self.question(version), time.monotonic()
        self.slack.click(BOB, question, "floe_approve")
        return (time.monotonic() - before) * 1000

    def gates_started_by(self, number: int) -> Server:
        """Return the server that started the gates for the `number`-th time."""

        def started() -> list[str]:
            return _GATES.read_text().split() if _GATES.exists() else []

        names = eventually(
            lambda: names if len(names := started()) >= number else None,
            f"gates were not started for the {number}. time",
        )
        return self.servers[names[number - 1]]

    def all_cards(self) -> list[str]:
        """Return the keys of the cards in Slack; a change has one."""
        return [key for m in self.slack.messages() if (key := _block(m)).endswith(":root")]

    def _cards(self, version: str, target: str) -> list[Json]:
        cards = [m for m in self.slack.messages() if _block(m).endswith(":root")]
        return [m for m in cards if f"{version}: " in m["text"] and f"→ {target}" in m["text"]]


@contextmanager
def open_stage(*versions: str) -> Iterator[Stage]:
    """Run everything inside the block, with `versions` in the first environment."""
    began = time.monotonic()
    with (
        postgres() as database,
        docker_registry(PLATFORM) as registry,
        local_slack(PLATFORM) as slack,
    ):
        os.environ["FLOE_STATE_URL"] = database.url
        for version in versions:
            artifact = image(json.dumps(VERSIONS[version]).encode())
            raw.push(registry.host, _REPOSITORY, artifact, f"{version}-dev")
        Shell(PLATFORM, shown=False).run("", "floe keys generate")
        stage = Stage(slack, {name: Server(name) for name in ("a", "b")}, began, began)
        stage.say("PostgreSQL, a registry with two versions in dev, and a Slack workspace run.")
        try:
            _start_servers(stage, registry.host)
            yield stage
        finally:
            # Slack ends last, so that floe logs no lost connection.
            for server in stage.servers.values():
                server.stop()


def _start_servers(stage: Stage, registry: str) -> None:
    manifest = (ROOT / "demo/replicas.yaml").read_text().replace("${REGISTRY}", registry)
    for server in stage.servers.values():
        server.folder.mkdir()
        (server.folder / "manifest.yaml").write_text(manifest)
        server.start(stage.slack)
    for server in stage.servers.values():
        server.until_ready()
    stage.say("Servers a and b share the database. Both are connected to Slack.")


def eventually(look: Callable[[], T | None], problem: str) -> T:
    """Poll `look` until it returns a true value, or raise UnexpectedError with `problem`."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise UnexpectedError(f"{problem} within {_PATIENCE_SECONDS} seconds")


def _block(message: Json) -> str:
    """Return the key of a message of the bot."""
    blocks = message.get("blocks") or [{}]
    return str(blocks[0].get("block_id", ""))
