"""Everything real but Slack's own machines: engine, registry, gates, bot, and a Slack to act in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.app import Bot, Tokens, running
from bot.http import blueprint
from engine.api import Platform
from engine.bootstrap import in_flight, open_platform
from engine.config import load_config
from engine.domain.change import Change, ChangeState
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource, Operator
from tests.bot.stage import QUICK, T, block_ids, eventually, promote
from tests.builders import image
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
from tests.peers.strict_slack import StrictSlack, strict_slack
from tests.web.serving import free_port, serving
from web.opening import open_web

MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci://%(host)s/%(repository)s", auth: {type: anonymous}}
  promotion:
    environments:
      - name: dev
      - name: staging
        gates: {tests: {command: [echo, ok]}}
      - name: prod
        gates:
          tests: {command: [sh, -c, "while [ ! -e go ]; do sleep 0.05; done; echo 41 passed"]}
          cost_analysis: {command: [sh, -c, "echo '<!channel> & +3 EUR'"]}
        authorization: {allowed_groups: [developers]}
        approvals: {required: 1, groups: [release-managers], expires_after: 4h}
identity:
  groups:
    developers: [alice@acme.com, dave@acme.com]
slack: {channel: %(channel)s}
"""
# Whoever waits for something on a busy machine.
PATIENCE = 60.0


@dataclass
class Stage:
    """
    `slack` is where people act; the bot talks to it through `strict`. Gates of prod end once
    `go` was called.
    """

    folder: Path
    place: tuple[str, str]
    slack: LocalSlack
    strict: StrictSlack
    port: int | None
    stack: ExitStack = field(default_factory=ExitStack)
    platform: Platform = field(init=False)
    bot: Bot = field(init=False)

    @property
    def tokens(self) -> Tokens:
        if self.port is None:
            return Tokens(BOT_TOKEN, (), APP_TOKEN, self.strict.api)
        return Tokens(BOT_TOKEN, (SECRET,), None, self.strict.api)

    def start(self) -> None:
        """As `floe serve` does."""
        enter = self.stack.enter_context
        config = load_config(self.folder / "manifest.yaml", {})
        self.platform = enter(in_flight(config, enter(open_platform(config))))
        self.bot = enter(running(self.platform, config, self.tokens, QUICK))
        self.platform.worker.start()
        self.stack.callback(self.platform.worker.stop)
        if self.port is None:
            self.eventually(lambda: self.bot.connected() and self.slack.connected())
            return
        app = enter(open_web(self.platform, config, thread=self.bot.thread))
        app.register_blueprint(blueprint(self.bot.app))
        enter(serving(app, self.port))

    def stop(self) -> None:
        """In order: gates that run are handed to whoever comes next."""
        self.platform.engine.gate_runner.stop()
        self.stack.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def go(self) -> None:
        (self.folder / "go").touch()

    def publish(self, version: str, content: bytes | None = None) -> None:
        """As a build does."""
        skopeo.push(*self.place, image(content or version.encode()), f"{version}-dev")

    def promoted_elsewhere(self, version: str, target: str) -> None:
        claims = Claims("oidc:https://id#dave", IdentitySource.OIDC, True, ("dave@acme.com",))
        promote(self.platform, version, target, self._operator(claims))

    def digest(self, tag: str) -> str:
        """What somebody else reads under `tag`."""
        return str(skopeo.inspect(*self.place, tag)["Digest"])

    def change(self, state: ChangeState, version: str = "v1.0.0") -> Change:
        """The newest change of `version`, once it is in `state`."""

        def there() -> Change | None:
            found = [c for c in self.platform.store.recent(50) if c.version == version]
            return found[0] if found and found[0].state is state else None

        return self.eventually(there)

    def root(self, words: str) -> Json:
        """The message in the deploy channel that has `words`."""
        return self.eventually(lambda: _having(words, self.slack.messages(DEPLOYS)))

    def ask(self, change: Change) -> Json:
        """The reply in the thread that asks for a decision."""
        return self.eventually(lambda: self.asked(change))

    def asked(self, change: Change) -> Json | None:
        found = [m for m in self.slack.everything() if block_ids(m)[0] == f"{change.id}:ask"]
        return found[0] if found else None

    def awaiting(self) -> tuple[Change, Json]:
        """v1.0.0 waits for prod as Alice asked; the change and its ask."""
        self.go()
        self.slack.command(ALICE, "/promote v1.0.0 prod")
        change = self.change(ChangeState.AWAITING_APPROVAL)
        return change, self.ask(change)

    def modal(self, callback_id: str) -> Json:
        """The modal that is open, once it is that one."""

        def there() -> Json | None:
            view = self.slack.modal() or {}
            view = view.get("view", view)
            return view if view.get("callback_id") == callback_id else None

        return self.eventually(there)

    def told(self, user: str, words: str, channel: str = DEPLOYS) -> str:
        """What was said to `user` alone and has `words`."""

        def there() -> str | None:
            return next((t for t in self.slack.told(user, channel) if words in t), None)

        return self.eventually(there)

    def eventually(self, look: Callable[[], T | None]) -> T:
        return eventually(look, PATIENCE)

    def _operator(self, claims: Claims) -> Operator:
        return self.platform.engine.directory.operator(claims)


def _having(words: str, messages: list[Json]) -> Json | None:
    return next((m for m in messages if words in m["text"]), None)


@contextmanager
def stage_in(folder: Path, host: str, repository: str, *, socket: bool) -> Iterator[Stage]:
    """v1.0.0 is in staging. Requests come over `socket`, or are posted to a port of ours."""
    values = {"host": host, "repository": repository, "channel": DEPLOYS}
    (folder / "manifest.yaml").write_text(MANIFEST % values)
    port = None if socket else free_port()
    url = f"http://127.0.0.1:{port}/slack/events" if port else None
    with local_slack(folder, url) as slack, strict_slack(slack) as strict:
        strict.groups["release-managers"] = [ALICE, BOB, CAROL]
        stage = Stage(folder, (host, repository), slack, strict, port)
        stage.publish("v1.0.0")
        stage.start()
        try:
            stage.promoted_elsewhere("v1.0.0", "staging")
            yield stage
        finally:
            stage.stop()
        assert strict.refused == [], strict.refused
