"""`floe serve` with Slack, sign-in, an API and webhooks, and all of its output."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from slack_sdk.signature import SignatureVerifier

from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.stage import BOB, DEPLOYS, SECRET, command_body
from tests.builders import image
from tests.cli.serving import Serving, serving
from tests.peers import oci_layout
from tests.peers.fake_http import Reply
from tests.peers.fake_provider import FakeProvider
from tests.peers.signing import claims
from tests.webhooks.webhook_kit import Sink

CANARIES = {
    "the client's secret": "canary-client-secret",
    "Slack's bot token": BOT_TOKEN,
    "Slack's signing secret": SECRET,
    "a webhook address": "canary-hook-address",
    "a webhook header": "canary-hook-header",
    "a code of the provider": "canary-code",
}
_MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {{uri: "oci-layout:./registry"}}
  promotion:
    environments:
      - name: dev
      - {{name: staging, gates: {{tests: {{command: [env]}}}}}}
      - {{name: prod, approvals: {{required: 1, groups: [other-team]}}}}
    webhooks:
      - {{url: "${{HOOK_URL}}/hook", headers: {{Authorization: "Bearer ${{HOOK_TOKEN}}"}}}}
      - {{url: "${{HOOK_URL}}/broken", retry_count: 0}}
identity:
  oidc: [{{issuer: "{issuer}", audience: floe, subjects: ["**"]}}]
slack: {{channel: {channel}}}
web:
  base_url: http://127.0.0.1
  auth:
    mode: oidc
    issuer: "{issuer}"
    client_id: floe-web
    client_secret_env: CLIENT_SECRET
    subjects: ["**"]
"""
_FORM_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass
class Served:
    """
    A served platform. `secrets` were created on the way; `answers` went to browsers and clients.
    """

    folder: Path
    server: Serving
    browser: httpx.Client
    provider: FakeProvider
    slack: FakeSlack
    others: Sink
    secrets: dict[str, str] = field(default_factory=lambda: dict(CANARIES))
    answers: list[tuple[str, bytes]] = field(default_factory=list)

    def ask(self, method: str, path: str, **asked: Any) -> httpx.Response:
        answer = self.browser.request(method, path, **asked)
        self.answers.append((f"answer to {method} {path}", answer.content))
        return answer

    def sign_in(self) -> None:
        asked = parse_qs(urlsplit(self.ask("GET", "/auth/start").headers["Location"]).query)
        self.provider.nonce = asked["nonce"][0]
        self.ask("GET", f"/auth/callback?code=canary-code&state={asked['state'][0]}")
        cookies = [c.value for c in self.browser.cookies.jar if c.name == "floe" and c.value]
        [exchanged] = self.provider.seen("POST", "/token$")[-1:]
        verifier = parse_qs(exchanged.body.decode())["code_verifier"][0]
        given = self.provider.given[-1:] or ["none was given"]
        self.secrets |= {
            "a session": (cookies or ["no session"])[0],
            "a verifier of PKCE": verifier,
        }
        self.secrets["an ID token of a sign-in"] = given[0].rpartition(".")[2]

    def token(self, **changed: object) -> str:
        """Return a token for API clients."""
        token = self.provider.key.sign(claims(self.provider.issuer, **changed))
        self.secrets[f"the ID token {len(self.secrets)}"] = token.rpartition(".")[2]
        return token

    def form_token(self, path: str) -> str:
        found = _FORM_TOKEN.search(self.browser.get(path).text)
        assert found is not None
        return found[1]

    def command(self, typed: str, secret: str = SECRET) -> int:
        """Send a slash command as Slack does, signed with `secret`."""
        words = command_body("/promote", typed, BOB, DEPLOYS)
        respond = f"{self.slack.url.removesuffix('/api/')}/response"
        body = urlencode(words).replace("RESPONSES", respond)
        timestamp = str(int(time.time()))
        signed = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-signature": signed or "",
            "x-slack-request-timestamp": timestamp,
        }
        return self.ask("POST", "/slack/events", content=body, headers=headers).status_code

    def places(self) -> Iterator[tuple[str, bytes]]:
        """Return everything answered, stored, logged and sent."""
        yield from self.answers
        for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            yield f"file {path.relative_to(self.folder)}", path.read_bytes()
        with self.slack.lock:
            sent = repr((self.slack.messages, self.slack.responses, self.slack.ephemerals))
        yield "Slack", sent.encode()
        yield from (
            (f"body to {request.path[-7:]}", request.body) for request in self.others.requests
        )


@contextmanager
def served(folder: Path, **environ: str) -> Iterator[Served]:
    """Serve a platform on which v1.0.0 is built."""
    home = folder / "home"
    home.mkdir()
    oci_layout.write(home / "registry", image(), "v1.0.0-dev")
    with ExitStack() as stack:
        provider = stack.enter_context(FakeProvider())
        slack = stack.enter_context(fake_slack())
        others = stack.enter_context(Sink())
        slack.person(BOB, "bob@acme.com")
        others.always("POST", "/broken$", Reply(500))
        text = _MANIFEST.format(issuer=provider.issuer, channel=DEPLOYS)
        (home / "manifest.yaml").write_text(text)
        variables = {
            "CLIENT_SECRET": CANARIES["the client's secret"],
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": slack.url,
            "HOOK_URL": f"http://{others.host}/{CANARIES['a webhook address']}",
            "HOOK_TOKEN": CANARIES["a webhook header"],
            "FLOE_LOG": "json",
        }
        server = stack.enter_context(serving(home, 0, **(variables | environ)))
        browser = stack.enter_context(httpx.Client(base_url=server.url, timeout=120))
        yield Served(home, server, browser, provider, slack, others)
