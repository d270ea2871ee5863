"""`floe serve` as operators run it, between a real registry and a Slack workspace."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from engine.bootstrap import open_engine, open_platform
from engine.config.installation import load_product
from engine.domain.change import Change
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_promotion_request
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from tests.bot.stage import block_ids, block_text, eventually
from tests.builders import image
from tests.e2e.manifest import GATE, slack_manifest
from tests.peers import skopeo
from tests.peers.local_slack import (
    ALICE,
    APP_TOKEN,
    BOB,
    BOT_TOKEN,
    CAROL,
    DEPLOYS,
    SECRET,
    Json,
    LocalSlack,
    local_slack,
)
from tests.peers.loopback import free_port
from tests.peers.strict_slack import StrictSlack, strict_slack
from tests.scenarios.warm_start import popen

# Slack accepts one message per second and channel, and the machine is shared.
PATIENCE_SECONDS = 90


@dataclass
class Workspace:
    """
    A workspace. With `socket`, floe connects to Slack; otherwise Slack calls floe. `product` is the
    one that other interfaces use, if the server has several.
    """

    folder: Path
    registry: str
    repository: str
    slack: LocalSlack
    strict: StrictSlack
    port: int
    socket: bool
    product: str | None = None
    _server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it is ready, which in Socket Mode means connected."""
        with (self.folder / "serve.log").open("ab") as log:
            self._server = popen(
                ["serve", "--port", str(self.port)],
                self.folder,
                self._environ(),
                stdout=log,
                stderr=log,
            )
        eventually(self._ready, PATIENCE_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(PATIENCE_SECONDS)
            self._server = None

    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    def publish_to_staging(self, *versions: str) -> None:
        """Publish with skopeo and promote to staging by another interface, without approvals."""
        with self.platform() as (engine, _):
            for version in versions:
                artifact = image(version.encode())
                skopeo.push(self.registry, self.repository, artifact, f"{version}-dev")
                request = parse_promotion_request(
                    *(engine.path, version, None, "staging", self._person(engine), trace_id()),
                    Overrides(allow_older=True, reason="tests come in any order"),
                )
                assert engine.run(request, NO_PROGRESS).error is None

    def release_gates(self, version: str) -> None:
        """Let the gates of `version` pass, which wait for this."""
        (self.folder / f"let-{version}").touch()

    def reject_elsewhere(self, change_id: str, reason: str) -> None:
        with self.platform() as (engine, platform):
            carol = self._person(engine, "carol@acme.com")
            platform.changes.reject(change_id, carol, reason, "cli")

    def tagged(self, tag: str) -> str | None:
        """Return the digest of `tag` from the registry itself."""
        accepted = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        url = f"http://{self.registry}/v2/{self.repository}/manifests/{tag}"
        answer = httpx.head(url, headers=accepted)
        return answer.headers["Docker-Content-Digest"] if answer.status_code == 200 else None

    def change(self, change_id: str) -> Change:
        with self.platform() as (_, platform):
            found = platform.store.get(change_id)
        assert found is not None
        return found

    def changes(self, version: str) -> list[Change]:
        with self.platform() as (_, platform):
            return [change for change in platform.store.recent(50) if change.version == version]

    def eventually(self, look):
        return eventually(look, PATIENCE_SECONDS)

    def root(self, version: str, words: str, channel: str = DEPLOYS) -> Json:
        """Return the card of the change of `version`, once it contains `words`."""
        return self.eventually(lambda: self._root(version, words, channel))

    def thread(self, root: Json) -> list[Json]:
        return self.slack.thread(root)

    def ask(self, root: Json) -> Json:
        """Return the message with the buttons."""
        return self.eventually(lambda: self.part(root, "ask"))

    def part(self, root: Json, name: str) -> Json | None:
        """Return the message of that name in the thread."""
        key = f"{change_of(root)}:{name}"
        return next((m for m in self.thread(root) if block_ids(m)[0] == key), None)

    def private_message(self, user: str, words: str, channel: str = DEPLOYS) -> str:
        """Return the private message to `user` that contains `words`."""

        def there() -> str | None:
            return next((t for t in self.slack.private_texts(user, channel) if words in t), None)

        return self.eventually(there)

    def modal(self, words: str) -> Json:
        """Return the open modal, once it contains `words`."""

        def there() -> Json | None:
            view = self.slack.modal()
            return view if view and words in str(view) else None

        return self.eventually(there)

    def _root(self, version: str, words: str, channel: str) -> Json | None:
        for message in reversed(self.slack.messages(channel)):
            named = block_ids(message)[0].endswith(":root") if message.get("blocks") else False
            if named and version in message["text"] and words in block_text(message):
                return message
        return None

    def _ready(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, self.log()
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def _environ(self) -> dict[str, str]:
        tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_API_URL": self.strict.api}
        reached = "SLACK_APP_TOKEN" if self.socket else "SLACK_SIGNING_SECRET"
        tokens[reached] = APP_TOKEN if self.socket else SECRET
        return {"PATH": os.environ["PATH"], **tokens}

    @contextmanager
    def platform(self):
        config = load_product(self.folder / "manifest.yaml", {}, self.product)
        with open_engine(config) as engine, open_platform(config, engine) as platform:
            yield engine, platform

    def _person(self, engine, email: str = "dave@acme.com") -> Operator:
        claims = Claims(f"oidc:https://id#{email}", IdentitySource.OIDC, True, (email,))
        return engine.directory.operator(claims)


def change_of(root: Json) -> str:
    return block_ids(root)[0].removesuffix(":root")


@contextmanager
def workspace(folder: Path, registry: str, repository: str, *, socket: bool) -> Iterator[Workspace]:
    """Run a workspace of one product."""
    (folder / "gate.sh").write_text(GATE)
    manifest = slack_manifest(f"oci://{registry}/{repository}", DEPLOYS)
    (folder / "manifest.yaml").write_text(manifest)
    with running_workspace(folder, registry, repository, socket=socket) as running:
        yield running


@contextmanager
def running_workspace(
    folder: Path, registry: str, repository: str, *, socket: bool, product: str | None = None
) -> Iterator[Workspace]:
    """
    Run a workspace with the manifest in `folder`; at the end, Slack must have received no invalid
    call.
    """
    port = free_port()
    requests_to = None if socket else f"http://127.0.0.1:{port}/slack/events"
    with (
        local_slack(folder, requests_to) as slack,
        strict_slack(slack) as strict,
    ):
        strict.groups["release-managers"] = [ALICE, BOB, CAROL]
        running = Workspace(folder, registry, repository, slack, strict, port, socket, product)
        try:
            running.start()
            yield running
        finally:
            running.stop()
        assert strict.refused == []
        said_to_log = running.log()
        for never in ("Traceback", BOT_TOKEN, APP_TOKEN, SECRET):
            assert never not in said_to_log
