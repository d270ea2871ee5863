"""Slack's restrictions that local-slack lacks: tokens, layouts, user groups; and outages."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from bot.block_kit_limits import message_problems, view_problems
from tests.peers.local_slack import APP_TOKEN, BOT_TOKEN, LocalSlack

Json = dict[str, Any]


@dataclass
class StrictSlack:
    """A proxy in front of a `LocalSlack`, at `api`.

    `groups` are user groups by handle; `refused` lists the calls that Slack would refuse; `calls`
    lists all calls in order.
    """

    behind: LocalSlack
    client: httpx.Client
    api: str = ""
    groups: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _faults: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, method: str, status: int, times: int = 1, **headers: str) -> None:
        """Answer the next calls of `method` with `status`, without effect."""
        with self._lock:
            self._faults += [(method, status, headers)] * times

    def limit(self, method: str, seconds: int, times: int = 1) -> None:
        self.fail(method, 429, times, **{"Retry-After": str(seconds)})

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    def called(self, method: str) -> list[Json]:
        with self._lock:
            return [arguments for name, arguments in self.calls if name == method]

    def answer(self, method: str, arguments: Json, token: str) -> tuple[int, Json, dict[str, str]]:
        with self._lock:
            self.calls.append((method, arguments))
            fault = next((f for f in self._faults if f[0] == method), None)
            if fault is not None:
                self._faults.remove(fault)
                error = "ratelimited" if fault[1] == 429 else "internal_error"
                return fault[1], {"ok": False, "error": error}, fault[2]
        if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
            return 200, {"ok": False, "error": "invalid_auth" if token else "not_authed"}, {}
        if method.startswith("usergroups."):
            return 200, {"ok": True, **self._usergroups(method, arguments)}, {}
        if problems := _problems(method, arguments):
            with self._lock:
                self.refused += problems
            return 200, {"ok": False, "error": "invalid_blocks", "errors": problems}, {}
        return 200, self._passed_on(method, arguments), {}

    def _usergroups(self, method: str, arguments: Json) -> Json:
        if method == "usergroups.list":
            return {"usergroups": [{"id": _id(h), "handle": h} for h in self.groups]}
        members = {_id(handle): users for handle, users in self.groups.items()}
        return {"users": members[arguments["usergroup"]]}

    def _passed_on(self, method: str, arguments: Json) -> Json:
        answer: Json = self.client.post(f"{self.behind.api}{method}", json=arguments).json()
        return answer


def _id(handle: str) -> str:
    return f"S{handle.replace('-', '').upper()}"


def _problems(method: str, arguments: Json) -> list[str]:
    """Check by the product's own limits, and by Slack's library, which finds others."""
    if method in ("chat.postMessage", "chat.update", "chat.postEphemeral"):
        return [*message_problems(arguments), *_unreadable(arguments["blocks"])]
    if method in ("views.open", "views.update", "views.publish"):
        view = arguments["view"]
        return [*view_problems(view), *_unreadable(view["blocks"])]
    return []


def _unreadable(blocks: list[Json]) -> list[str]:
    try:
        for block in Block.parse_all(blocks):
            block.to_dict()
    except SlackObjectFormationError as error:
        return [str(error)]
    return []


@contextmanager
def strict_slack(behind: LocalSlack) -> Iterator[StrictSlack]:
    with httpx.Client(timeout=60) as client:
        strict = StrictSlack(behind, client)
        with _Server(("127.0.0.1", 0), _Handler) as server:
            server.strict = strict
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            strict.api = f"http://127.0.0.1:{server.server_port}/api/"
            try:
                yield strict
            finally:
                server.shutdown()
                thread.join()


class _Server(ThreadingHTTPServer):
    strict: StrictSlack
    daemon_threads = False
    block_on_close = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30

    def do_POST(self) -> None:
        where = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        is_json = "json" in self.headers.get("content-type", "")
        arguments = json.loads(body or "{}") if is_json else dict(parse_qsl(body))
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        method = where.path.removeprefix("/api/")
        arguments = dict(parse_qsl(where.query)) | arguments
        status, answer, headers = self.server.strict.answer(method, arguments, token)
        written = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_: Any) -> None:
        """Log nothing: tests read `calls`."""
