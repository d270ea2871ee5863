"""A platform with its bot: real engine, gates and Bolt app, with a fake Slack on loopback."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from slack_bolt import BoltRequest, BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.app import Bot, run_bot
from bot.outbox import OutboxTiming
from bot.tokens import Tokens
from engine.bootstrap import open_products
from engine.config import load_config
from engine.domain.change import Change, ChangeState
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource, Operator
from engine.domain.parsing import parse_promotion_request, parse_unlock_request
from engine.domain.product import UNNAMED
from engine.domain.trace import trace_id
from engine.platform import Platform, Products
from engine.ports import NO_PROGRESS
from engine.ports.telemetry import NO_METRICS
from tests.bot.fake_slack import BOT_TOKEN, TEAM, FakeSlack, Json, fake_slack
from tests.bot.manifest import bot_manifest
from tests.builders import image
from tests.peers import oci_layout

T = TypeVar("T")
SECRET = "the-signing-secret"
ALICE, BOB, CAROL, DAVE = "U01ALICE", "U02BOB", "U03CAROL", "U04DAVE"
DEPLOYS, INCIDENT = "C01DEPLOY", "C02INC"
QUICK = OutboxTiming(
    post=0.02, edit=0.05, poll=0.02, first_retry=0.1, longest_retry=0.5, action=0.3
)
_trigger = count(1)


@dataclass
class Stage:
    """The platform, its bot and a fake Slack."""

    folder: Path
    slack: FakeSlack
    tempo: OutboxTiming = QUICK
    seen: Callable[[Products], Products] = lambda products: products
    stack: ExitStack = field(default_factory=ExitStack)
    products: Products = field(init=False)
    platform: Platform = field(init=False)
    bot: Bot = field(init=False)

    def start(self, *, worker: bool = True) -> None:
        config = load_config(self.folder / "manifest.yaml", {})
        opened = open_products({UNNAMED: config}, NO_METRICS, several=False)
        self.products = self.stack.enter_context(opened)
        self.platform = self.products[UNNAMED]
        tokens = Tokens(BOT_TOKEN, (SECRET,), None, self.slack.url)
        self.bot = self.stack.enter_context(
            run_bot(self.seen(self.products), config, tokens, self.tempo)
        )
        if worker:
            self.platform.worker.start()
            self.stack.callback(self.platform.worker.stop)

    def stop(self) -> None:
        """Stop like a server: running gates are stopped and run again after the next start."""
        self.platform.engine.runner.gate_runner.stop()
        self.stack.close()

    def restart(self, *, worker: bool = True) -> None:
        self.stop()
        self.start(worker=worker)

    def send(
        self,
        body: Json,
        *,
        form: bool = True,
        age: float = 0,
        secret: str = SECRET,
        headers: dict[str, str] | None = None,
    ) -> BoltResponse:
        """Send a signed request to the Bolt app."""
        written = (urlencode(body) if form else json.dumps(body)).replace(
            "RESPONSES", f"{self.slack.url.removesuffix('/api/')}/response"
        )
        timestamp = str(int(time.time() - age))
        signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=written)
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        sent = {
            "content-type": [kind],
            "x-slack-signature": [signature],
            "x-slack-request-timestamp": [timestamp],
            **{name: [value] for name, value in (headers or {}).items()},
        }
        return self.bot.app.dispatch(BoltRequest(body=written, headers=sent))

    def command(
        self, text: str, user: str = ALICE, channel: str = DEPLOYS, **more: Any
    ) -> BoltResponse:
        """Send a typed command, such as `/promote v1.0.0 prod`."""
        name, _, rest = text.partition(" ")
        return self.send(command_body(name, rest, user, channel), **more)

    def click(self, action: str, value: str, user: str, **more: Any) -> BoltResponse:
        return self.send({"payload": json.dumps(click_body(action, value, user))}, **more)

    def submit(self, view: Json, user: str, **values: str) -> BoltResponse:
        """Submit an open modal with `values`."""
        state = {
            name: {"v": {"type": "plain_text_input", "value": v}} for name, v in values.items()
        }
        body = {
            "type": "view_submission",
            "team": {"id": TEAM},
            "user": {"id": user, "team_id": TEAM},
            "trigger_id": f"trigger-secret-{next(_trigger)}",
            "view": {**view, "state": {"values": state}},
        }
        return self.send({"payload": json.dumps(body)})

    def event(self, event: Json, event_id: str | None = None, **more: Any) -> BoltResponse:
        body = {
            "type": "event_callback",
            "team_id": TEAM,
            "event_id": event_id or f"Ev{next(_trigger)}",
            "event": event,
        }
        return self.send(body, form=False, **more)

    def card(self, channel: str = DEPLOYS) -> Json:
        """The newest card."""
        return self.eventually(lambda: self.slack.in_channel(channel))[-1]

    def approval_request(self, change: Change) -> Json:
        """The approval request of `change`, once it is posted."""
        return self.eventually(lambda: self.find_approval_request(change))

    def find_approval_request(self, change: Change) -> Json | None:
        found = [m for m in self.slack.messages if block_ids(m)[0] == f"{change.id}:ask"]
        return found[0] if found else None

    def change(self, state: ChangeState, version: str = "v1.0.0") -> Change:
        """The newest change of `version`, once it is in `state`."""

        def there() -> Change | None:
            found = [c for c in self.platform.store.recent(50) if c.version == version]
            return found[0] if found and found[0].state is state else None

        return self.eventually(there)

    def waiting_change(self, version: str = "v1.0.0", user: str = ALICE) -> Change:
        """Request a promotion to prod, and wait for its approval request."""
        assert self.command(f"/promote {version} prod", user).status == 200
        change = self.change(ChangeState.AWAITING_APPROVAL, version)
        self.approval_request(change)
        return change

    def private_texts(self, user: str) -> list[str]:
        """The texts that only `user` got."""
        alone = [e["text"] for e in self.slack.ephemerals if e["user"] == user]
        return [text for to, text in self.slack.responses if to == user] + alone

    def publish(self, version: str, content: bytes | None = None) -> None:
        artifact = image(content or version.encode())
        oci_layout.write(self.folder / "registry", artifact, f"{version}-dev")

    def eventually(self, look: Callable[[], T | None], seconds: float = 60) -> T:
        return eventually(look, seconds)

    def submit_elsewhere(self, version: str, operator: Operator) -> Change:
        """Request a promotion to prod through another interface."""
        path = self.platform.engine.path
        request = parse_promotion_request(path, version, None, "prod", operator, trace_id())
        change = self.platform.changes.submit(request, "cli")
        self.platform.worker.wake()
        return change

    def unlock_elsewhere(self, target: str, operator: Operator) -> None:
        engine = self.platform.engine
        request = parse_unlock_request(engine.path, target, operator, trace_id(), "over")
        assert engine.run(request, NO_PROGRESS).error is None

    def promote_elsewhere(self, version: str, target: str) -> None:
        promote(self.platform, version, target, self.operator("dave@acme.com"))

    def operator(self, email: str) -> Operator:
        """An operator of another interface."""
        claims = Claims(f"oidc:https://id#{email}", IdentitySource.OIDC, True, (email,))
        return self.platform.engine.directory.operator(claims)


def eventually(look: Callable[[], T | None], seconds: float = 60) -> T:
    """Poll `look` until it returns a true value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing was found within {seconds} s")


def command_body(name: str, text: str, user: str, channel: str) -> Json:
    number = next(_trigger)
    return {
        "command": name,
        "text": text,
        "user_id": user,
        "team_id": TEAM,
        "channel_id": channel,
        "api_app_id": "A01",
        "trigger_id": f"trigger-secret-{number}",
        "response_url": f"RESPONSES/{user}/{channel}/secret-{number}",
    }


def click_body(action: str, value: str, user: str, channel: str = DEPLOYS) -> Json:
    number = next(_trigger)
    return {
        "type": "block_actions",
        "team": {"id": TEAM},
        "user": {"id": user, "team_id": TEAM},
        "channel": {"id": channel},
        "container": {"type": "message", "channel_id": channel, "thread_ts": "1.0"},
        "trigger_id": f"trigger-secret-{number}",
        "response_url": f"RESPONSES/{user}/{channel}/secret-{number}",
        "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value}],
    }


def block_ids(message: Json) -> list[str]:
    return [block.get("block_id", "") for block in message["blocks"]]


def buttons(message: Json) -> list[str]:
    """The action ids of the buttons in a message."""
    found = []
    for block in message["blocks"]:
        elements = [*block.get("elements", []), block.get("accessory") or {}]
        found += [e["action_id"] for e in elements if e.get("type") == "button"]
    return found


def block_text(message: Json) -> str:
    """The blocks of a message as JSON."""
    return json.dumps(message["blocks"], ensure_ascii=False)


@contextmanager
def stage_in(
    folder: Path,
    *,
    tests: str = '"true"',
    required: int = 1,
    expires: str = "4h",
    approvals: str = "",
    channel: str | None = DEPLOYS,
    tempo: OutboxTiming = QUICK,
    worker: bool = True,
    seen: Callable[[Products], Products] = lambda products: products,
    **more: str,
) -> Iterator[Stage]:
    """
    Run a platform with v1.0.0 and v2.0.0 in staging; alice, bob, carol and dave are in Slack.

    The bot gets the products that `seen` returns, `more` goes into the manifest.
    """
    written = bot_manifest(channel, tests, required, expires, approvals, **more)
    (folder / "manifest.yaml").write_text(written)
    with fake_slack() as slack:
        for user, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAVE, "dave")):
            slack.person(user, f"{name}@acme.com")
        stage = Stage(folder, slack, tempo, seen)
        for version in ("v1.0.0", "v2.0.0"):
            stage.publish(version)
        stage.start(worker=worker)
        try:
            for version in ("v1.0.0", "v2.0.0"):
                promote(stage.platform, version, "staging", stage.operator("dave@acme.com"))
            yield stage
        finally:
            stage.stop()
            assert slack.refused == [], slack.refused


def promote(platform: Platform, version: str, target: str, operator: Operator) -> None:
    """Promote without a change, where no approval is needed."""
    request = parse_promotion_request(
        platform.engine.path, version, None, target, operator, trace_id()
    )
    assert platform.engine.run(request, NO_PROGRESS).error is None
