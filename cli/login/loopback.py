"""Waits on the loopback interface for the redirect of the provider (RFC 8252, section 7.3)."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from engine.domain.errors import AuthorizationError
from engine.domain.text import printable

_PATH = "/callback"
_WAIT_SECONDS = 300
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>floe</title>'
    "<h1>{}</h1><p>Close this page and go back to the terminal.</p></html>"
)


@dataclass(frozen=True)
class _Redirect:
    code: str = ""
    refusal: str = ""


class Loopback:
    """
    The address of this machine for the redirect of one sign-in.

    Other requests, also of pages that other sites open, get an error and change nothing.
    """

    def __init__(self, *, device: bool) -> None:
        """`device`: whether the provider has a sign-in for other devices."""
        self._advice = ", with --device for the browser of another machine" if device else ""
        self._state = ""
        self._issuer = ""
        self._named = False
        self._arrived: Queue[_Redirect] = Queue()
        self._server = _Server(self)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def callback(self) -> str:
        return f"http://{self.host}{_PATH}"

    def expect(self, state: str, issuer: str, *, named: bool) -> None:
        """Accept the answer with `state`, of `issuer`; `named` if it has to name the issuer."""
        self._issuer, self._named, self._state = issuer, named, state

    def code(self) -> str:
        """Wait five minutes for the code; AuthorizationError if the provider sends none."""
        try:
            found = self._arrived.get(timeout=_WAIT_SECONDS)
        except Empty as error:
            raise AuthorizationError(
                f"No one signed in within {_WAIT_SECONDS // 60} minutes: run floe login again"
                f"{self._advice}"
            ) from error
        if found.refusal:
            raise AuthorizationError(found.refusal)
        return found.code

    def receive(self, target: str) -> tuple[HTTPStatus, str]:
        """Judge the request for `target`; return the status and the title of the page."""
        parts = urlsplit(target)
        if parts.path != _PATH:
            return HTTPStatus.NOT_FOUND, "There is no such page"
        try:
            asked = parse_qs(parts.query, keep_blank_values=True, max_num_fields=20)
        except ValueError:
            return HTTPStatus.BAD_REQUEST, "The answer of the provider cannot be read"
        values = {name: found[0] for name, found in asked.items() if len(found) == 1}
        state = values.get("state", "")
        if not self._state or not secrets.compare_digest(state.encode(), self._state.encode()):
            return HTTPStatus.BAD_REQUEST, "This answer belongs to another sign-in"
        # One answer is all that a sign-in takes.
        self._state = ""
        redirect = self._judge(values)
        self._arrived.put(redirect)
        if redirect.refusal:
            return HTTPStatus.FORBIDDEN, "You are not signed in"
        return HTTPStatus.OK, "The provider signed you in"

    def _judge(self, values: dict[str, str]) -> _Redirect:
        named = values.get("iss")
        if named != self._issuer and (self._named or named is not None):
            return _Redirect(refusal=f"The answer is not from {self._issuer}: run floe login again")
        if "error" in values:
            said = printable(values.get("error_description") or values["error"])[:200]
            return _Redirect(refusal=f"{self._issuer} did not sign you in: {said}")
        if not values.get("code"):
            return _Redirect(refusal=f"{self._issuer} sent no code: run floe login again")
        return _Redirect(code=values["code"])

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer requests until the block ends."""
        thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    # A browser opens connections that it may not use.
    daemon_threads = True
    block_on_close = False

    def __init__(self, loopback: Loopback) -> None:
        self.loopback = loopback
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a browser may close a connection at any time."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Server
    server_version = "floe"
    sys_version = ""

    def do_GET(self) -> None:
        # Another site whose name resolves to this machine must not speak to it.
        if self.headers.get("Host") != self.server.loopback.host:
            status, title = HTTPStatus.BAD_REQUEST, "There is no such page"
        else:
            status, title = self.server.loopback.receive(self.path)
        page = _PAGE.format(title).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: requests contain the code."""
