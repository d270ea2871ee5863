"""A local Slack (npm's local-slack) on a loopback port, and actions of its users."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websocket
import yaml

from tests.peers import npm

TEAM = "T01ACME"
BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-local-bot", "xapp-local-app", "local-signing-secret"
ALICE, BOB, CAROL, DAVE = "U01ALICE", "U02BOB", "U03CAROL", "U04DAVE"
DEPLOYS, INCIDENT = "C01DEPLOY", "C02INC"
Json = dict[str, Any]

_FOLDER = Path(__file__).parent / "slack"
_PROGRAM = _FOLDER / "node_modules/local-slack-linux-x64/bin/local-slack"
_NAMES = {ALICE: "Alice Anderson", BOB: "Bob Brown", CAROL: "Carol Chen", DAVE: "Dave Diaz"}
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class LocalSlack:
    """A workspace with its page at `url` and its bot API at `api`.

    Commands and clicks return once the bot has acknowledged them.
    """

    url: str
    client: httpx.Client = field(repr=False)

    @property
    def api(self) -> str:
        return f"{self.url}/api/"

    def command(self, user: str, typed: str, channel: str = DEPLOYS) -> None:
        """Type `/promote v1.0.0 prod` as `user`."""
        name, _, text = typed.partition(" ")
        self._control("command", user=user, channel=channel, command=name, text=text)

    def say(self, user: str, text: str, channel: str = DEPLOYS, thread: str | None = None) -> None:
        self._control("message", user=user, channel=channel, text=text, thread_ts=thread)

    def click(self, user: str, message: Json, action_id: str) -> None:
        """Press a button of `message`."""
        [pressed] = [b for b in buttons(message) if b["action_id"] == action_id]
        place = {"channel": message["channel"], "messageTs": message["ts"]}
        self._control("interact", user=user, action=pressed, **place)

    def open_home(self, user: str) -> Json | None:
        """Return the app's Home tab of `user`, if the bot has published one."""
        self._control("open-home", user=user)
        homes = self._screen().get("homeViews", {})
        return next((view for key, view in homes.items() if user in key), None)

    def modal(self) -> Json | None:
        """Return the open modal: there is one for the whole workspace."""
        stack = self._screen()["modalStack"]
        return stack[-1] if stack else None

    def submit(self, user: str, **values: str) -> dict[str, str]:
        """Fill in and send the open modal; return the errors under its inputs, if any."""
        inputs = _inputs(self.modal() or {})
        filled = {name: _state(inputs.get(name), value) for name, value in values.items()}
        with self._watching() as screen:
            screen.send(json.dumps({"t": "view_submit", "user": user, "values": filled}))
            while True:
                frame = json.loads(screen.recv())
                if frame["t"] == "view_errors":
                    errors: dict[str, str] = frame["errors"]
                    return errors
                if frame["t"] == "view" and not frame["stack"]:
                    return {}

    def everything(self, channel: str = DEPLOYS) -> list[Json]:
        """Return all messages of `channel`, including threads and private ones."""
        answer = self.client.get(f"/_control/messages/{channel}").raise_for_status()
        found: list[Json] = answer.json()["messages"]
        return found

    def messages(self, channel: str = DEPLOYS) -> list[Json]:
        """Return the top-level messages of `channel` that all can see, oldest first."""
        return [m for m in self.everything(channel) if not (_in_thread(m) or _private(m))]

    def thread(self, root: Json) -> list[Json]:
        """Return the replies to `root`, oldest first."""
        channel = self.everything(root["channel"])
        return [m for m in channel if _in_thread(m) and m["thread_ts"] == root["ts"]]

    def private_texts(self, user: str, channel: str = DEPLOYS) -> list[str]:
        """Return the private messages to `user`."""
        return [m["text"] for m in self.everything(channel) if m.get("ephemeral_to") == user]

    def connected(self) -> bool:
        """Return whether a bot is connected (Socket Mode)."""
        return bool(self._screen()["apps"][0].get("connected"))

    def _control(self, name: str, /, **arguments: Any) -> None:
        self.client.post(f"/_control/{name}", json=arguments).raise_for_status()

    def _screen(self) -> Json:
        """Return the first screen of a visitor of the page."""
        with self._watching() as screen:
            state: Json = screen.first["state"]
            return state

    @contextmanager
    def _watching(self) -> Iterator["_Screen"]:
        address = self.url.replace("http", "ws", 1) + "/ui"
        with closing(websocket.create_connection(address, timeout=_WAIT_SECONDS)) as screen:
            yield _Screen(json.loads(screen.recv()), screen.send, screen.recv)


@dataclass(frozen=True)
class _Screen:
    """The page's connection; `first` is its first message."""

    first: Json
    send: Callable[[str], object]
    recv: Callable[[], str | bytes]


def buttons(message: Json) -> list[Json]:
    """Return the buttons of a message, as a click sends them."""
    found = []
    for block in message.get("blocks", []):
        for element in [*block.get("elements", []), block.get("accessory") or {}]:
            if element.get("type") == "button":
                names = ("type", "action_id", "value")
                pressed = {name: element[name] for name in names if name in element}
                found.append(pressed | {"block_id": block["block_id"]})
    return found


@contextmanager
def opened(url: str) -> Iterator[LocalSlack]:
    """The workspace that runs at `url`."""
    with httpx.Client(base_url=url, timeout=_WAIT_SECONDS) as client:
        yield LocalSlack(url, client)


@contextmanager
def local_slack(folder: Path, request_url: str | None = None) -> Iterator[LocalSlack]:
    """Run a workspace with four people and two channels, which keeps its log in `folder`.

    Requests go to `request_url`, or over the bot's own connection (Socket Mode).
    """
    npm.install(_FOLDER)
    config = folder / "local-slack.yaml"
    config.write_text(yaml.safe_dump(_workspace(request_url)))
    preloads = (f"--preload={_FOLDER / name}" for name in ("bind_loopback.js", "as_slack_shows.js"))
    environ = os.environ | {"BUN_OPTIONS": " ".join(preloads)}
    command = [str(_PROGRAM), "--config", str(config), "--port", "0", "--base-host", "127.0.0.1"]
    log = folder / "local-slack.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, stdout=out, stderr=out, env=environ, cwd=folder, start_new_session=True
        ) as process,
    ):
        try:
            with opened(_address(log, process)) as slack:
                yield slack
        finally:
            process.terminate()
            process.wait(60)


def _workspace(request_url: str | None) -> Mapping[str, Any]:
    mode = {"mode": "events", "requestUrl": request_url} if request_url else {"mode": "socket"}
    return {
        "workspace": {"name": "Acme", "domain": "acme", "teamId": TEAM},
        "app": {
            "appId": "A01FLOE",
            "botUserId": "U0BOT",
            "botName": "floe",
            "botToken": BOT_TOKEN,
            "appToken": APP_TOKEN,
            "signingSecret": SECRET,
            **mode,
        },
        "users": [
            {
                "id": user,
                "name": _short(user),
                "real_name": name,
                "email": f"{_short(user)}@acme.com",
            }
            for user, name in _NAMES.items()
        ],
        "channels": [
            {"id": DEPLOYS, "name": "deploys", "members": [*_NAMES, "U0BOT"]},
            {"id": INCIDENT, "name": "inc-42", "members": [*_NAMES, "U0BOT"]},
        ],
    }


def _short(user: str) -> str:
    return _NAMES[user].partition(" ")[0].lower()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"Web UI:\s+(http://127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        time.sleep(0.02)
    raise RuntimeError(f"local-slack does not start: {log.read_text()}")


def _in_thread(message: Json) -> bool:
    return message.get("thread_ts", message["ts"]) != message["ts"]


def _private(message: Json) -> bool:
    return "ephemeral_to" in message


def _inputs(view: Json) -> dict[str, Json]:
    """Return the element of each block with an input."""
    view = view.get("view", view)
    return {b["block_id"]: b["element"] for b in view.get("blocks", []) if "element" in b}


def _state(element: Json | None, value: str) -> Json:
    """Return the state of an input under its own action, as Slack sends it."""
    kind, action = (element["type"], element["action_id"]) if element else ("", "v")
    if kind in ("static_select", "external_select"):
        return {action: {"type": kind, "selected_option": {"value": value}}}
    return {action: {"type": "plain_text_input", "value": value}}
