"""Slack's Web API on loopback, strict about layouts, with failures on request."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from bot.block_kit_limits import message_problems, view_problems

TEAM = "T01ACME"
BOT_TOKEN = "xoxb-secret-bot-token"
# The channel of deleted messages.
DELETED = "deleted"
Json = dict[str, Any]


@dataclass
class Fault:
    """Fails the next `times` calls of `method`, after their effect if `heard`."""

    method: str
    status: int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    heard: bool = False
    body: Json = field(default_factory=lambda: {"ok": False, "error": "internal_error"})


@dataclass
class FakeSlack:
    """
    The state of the fake Slack; `messages` are the posted messages with their edits, and `answers`
    are the texts of the private answers in each channel. Without `newer_blocks`, it refuses plans
    and tables. With `history`, the app may read messages; if it `deduplicates`, a known
    client_msg_id posts nothing.
    """

    url: str = ""
    enterprise: str | None = None
    newer_blocks: bool = True
    users: dict[str, Json] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)
    ephemerals: list[Json] = field(default_factory=list)
    responses: list[tuple[str, str]] = field(default_factory=list)
    answers: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    views: list[Json] = field(default_factory=list)
    homes: dict[str, Json] = field(default_factory=dict)
    calls: list[tuple[float, str, Json]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    history: bool = True
    deduplicates: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    def person(self, user: str, email: str | None, **flags: Any) -> None:
        profile = {"email": email} if email else {}
        given = {"id": user, "team_id": TEAM, "profile": profile, **flags}
        self.users[user] = {name: value for name, value in given.items() if value is not None}

    def fail(self, method: str, status: int, **options: Any) -> None:
        with self.lock:
            self.faults.append(Fault(method, status, **options))

    def limit(self, method: str, seconds: float, times: int = 1) -> None:
        headers = {"Retry-After": str(seconds)}
        body = {"ok": False, "error": "ratelimited"}
        self.fail(method, 429, times=times, headers=headers, body=body)

    def heal(self) -> None:
        with self.lock:
            self.faults.clear()

    def called(self, method: str) -> list[Json]:
        with self.lock:
            return [arguments for _, name, arguments in self.calls if name == method]

    def in_channel(self, channel: str) -> list[Json]:
        """The messages of a channel without replies, oldest first."""
        with self.lock:
            return [
                dict(m) for m in self.messages if m["channel"] == channel and not m.get("thread_ts")
            ]

    def in_thread(self, root: Json) -> list[Json]:
        with self.lock:
            return [dict(m) for m in self.messages if m.get("thread_ts") == root["ts"]]

    def link(self, message: Json) -> str:
        ts = message["ts"].replace(".", "")
        return f"https://acme.slack.com/archives/{message['channel']}/p{ts}"

    def answer(self, method: str, arguments: Json, token: str) -> tuple[int, dict[str, str], Json]:
        with self.lock:
            self.calls.append((time.time(), method, arguments))
            fault = next((f for f in self.faults if f.method == method and f.times > 0), None)
            if fault is not None:
                fault.times -= 1
                if not fault.heard:
                    return fault.status, fault.headers, fault.body
            if token != BOT_TOKEN:
                return 200, {}, {"ok": False, "error": "invalid_auth"}
            handler = getattr(self, "_" + method.replace(".", "_"), None)
            if handler is None:
                return 200, {}, {"ok": False, "error": "unknown_method"}
            answer: Json = handler(arguments)
            if fault is not None:
                return fault.status, fault.headers, fault.body
            return 200, {}, {"ok": "error" not in answer, **answer}

    def respond(self, user: str, channel: str, body: Json) -> int:
        with self.lock:
            fault = next((f for f in self.faults if f.method == "respond" and f.times > 0), None)
            if fault is not None:
                fault.times -= 1
                return fault.status
            self._checked(message_problems(body))
            self.responses.append((user, body["text"]))
            self.answers[channel].append(body["text"])
            return 200

    def _checked(self, problems: list[str]) -> Json | None:
        self.refused += problems
        return {"error": "invalid_blocks", "errors": problems} if problems else None

    def _auth_test(self, _arguments: Json) -> Json:
        grid = {"enterprise_id": self.enterprise} if self.enterprise else {}
        return {"team_id": TEAM, "user_id": "U0BOT", "bot_id": "B0BOT", **grid}

    def _users_info(self, arguments: Json) -> Json:
        user = self.users.get(arguments["user"])
        return {"user": user} if user else {"error": "user_not_found"}

    def _users_lookupByEmail(self, arguments: Json) -> Json:
        found = [u for u in self.users.values() if u["profile"].get("email") == arguments["email"]]
        return {"user": found[0]} if found else {"error": "users_not_found"}

    def _usergroups_list(self, _arguments: Json) -> Json:
        return {"usergroups": [{"id": f"S{n.upper()}", "handle": n} for n in self.groups]}

    def _usergroups_users_list(self, arguments: Json) -> Json:
        ids = {f"S{name.upper()}": members for name, members in self.groups.items()}
        return {"users": ids[arguments["usergroup"]]}

    def _refuse(self, arguments: Json) -> Json | None:
        kinds = {block["type"] for block in arguments.get("blocks", [])}
        if not self.newer_blocks and kinds & {"plan", "table"}:
            return {"error": "invalid_blocks"}
        return self._checked(message_problems(arguments))

    def _chat_postMessage(self, arguments: Json) -> Json:
        if refused := self._refuse(arguments):
            return refused
        known = (
            m for m in self.messages if m.get("client_msg_id", "") == arguments.get("client_msg_id")
        )
        if self.deduplicates and (earlier := next(known, None)):
            return {"ts": earlier["ts"], "channel": earlier["channel"], "message": dict(earlier)}
        ts = f"{time.time():.6f}"
        while any(m["ts"] == ts for m in self.messages):
            ts = f"{float(ts) + 0.000001:.6f}"
        posted = {**arguments, "channel": _opened(arguments["channel"]), "ts": ts, "edits": 0}
        self.messages.append(posted)
        return {"ts": ts, "channel": posted["channel"], "message": dict(posted)}

    def _chat_update(self, arguments: Json) -> Json:
        if refused := self._refuse(arguments):
            return refused
        for message in self.messages:
            if (message["channel"], message["ts"]) == (arguments["channel"], arguments["ts"]):
                message |= {"text": arguments["text"], "blocks": arguments["blocks"]}
                message["edits"] += 1
                return {"ts": arguments["ts"]}
        return {"error": "message_not_found"}

    def _chat_delete(self, arguments: Json) -> Json:
        place = (arguments["channel"], arguments["ts"])
        found = next((m for m in self.messages if (m["channel"], m["ts"]) == place), None)
        if found is None:
            return {"error": "message_not_found"}
        # Readers of the list count its entries.
        found["channel"] = DELETED
        return {"ts": arguments["ts"]}

    def _chat_postEphemeral(self, arguments: Json) -> Json:
        if refused := self._checked(message_problems(arguments)):
            return refused
        self.ephemerals.append(arguments)
        self.answers[arguments["channel"]].append(arguments["text"])
        return {"message_ts": "1.0"}

    def _chat_getPermalink(self, arguments: Json) -> Json:
        return {"permalink": self.link({**arguments, "ts": arguments["message_ts"]})}

    def _conversations_history(self, arguments: Json) -> Json:
        if not self.history:
            return {"error": "missing_scope"}
        if arguments["channel"].startswith("U"):
            return {"error": "channel_not_found"}
        return {"messages": self.in_channel(arguments["channel"])[::-1]}

    def _conversations_replies(self, arguments: Json) -> Json:
        if not self.history:
            return {"error": "missing_scope"}
        return {"messages": self.in_thread({"ts": arguments["ts"]})}

    def _views_open(self, arguments: Json) -> Json:
        if refused := self._checked(view_problems(arguments["view"])):
            return refused
        view = {**arguments["view"], "id": f"V{len(self.views)}", "hash": "h0"}
        self.views.append(view)
        return {"view": view}

    def _views_update(self, arguments: Json) -> Json:
        if refused := self._checked(view_problems(arguments["view"])):
            return refused
        place = next(i for i, v in enumerate(self.views) if v["id"] == arguments["view_id"])
        self.views[place] = {**arguments["view"], "id": arguments["view_id"], "hash": "h1"}
        return {"view": self.views[place]}

    def _views_publish(self, arguments: Json) -> Json:
        if refused := self._checked(view_problems(arguments["view"])):
            return refused
        self.homes[arguments["user_id"]] = arguments["view"]
        return {"view": arguments["view"]}


def _opened(channel: str) -> str:
    """The channel with that id; for the id of a user, their conversation with the app."""
    return f"D{channel}" if channel.startswith("U") else channel


@contextmanager
def fake_slack(slack: FakeSlack | None = None) -> Iterator[FakeSlack]:
    slack = slack or FakeSlack()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            is_json = "json" in self.headers.get("content-type", "")
            arguments = json.loads(body) if is_json and body else dict(parse_qsl(body))
            headers: dict[str, str] = {}
            if self.path.startswith("/response/"):
                user, channel = self.path.split("/")[2:4]
                status, answer = slack.respond(user, channel, arguments), {"ok": True}
            else:
                token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
                method = self.path.removeprefix("/api/")
                status, headers, answer = slack.answer(method, arguments, token)
            written = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        slack.url = f"http://127.0.0.1:{server.server_port}/api/"
        try:
            yield slack
        finally:
            server.shutdown()
            thread.join()
