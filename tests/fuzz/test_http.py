"""Any request to `floe serve` causes no internal error and no effect, and the server goes on."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bot.fake_slack import BOT_TOKEN, fake_slack
from tests.bot.stage import SECRET
from tests.builders import image
from tests.cli.serving import Serving, serving
from tests.fuzz.altering import OTHERS
from tests.fuzz.raw_http import Answer, Headers, ask, request_bytes
from tests.peers import oci_layout
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion: {environments: [{name: dev}, {name: staging}, {name: prod, approvals: {required: 1}}]}
identity: {operators: [alice@acme.com], oidc: [{issuer: "%s", audience: floe, subjects: ["**"]}]}
web: {auth: {mode: proxy}}
slack: {channel: C01DEPLOY}
"""
_DEEP = 100_000
MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
WORDS = st.sampled_from(
    [
        *("dev", "prod", "nowhere", "v1.0.0", "latest", "c-00000001", "tests", "", "..", "%2e%2e"),
        *("%2f", "%00", "%ff", "%zz", "%", "%ed%a0%80", "%e2%80%ae", "<b>", "'--", "a" * 5000),
        *("\x00", "\xff", "*", "?", "#", ";", "0", "-1", "9" * 30, "7d", "9999-12-31T23:59-23:59"),
        *("0001-01-01T00:00%2b23:59", "9" * 17 + ".prod." + "9" * 17, "//evil", "%c2%b2"),
    ]
)
PLACES = st.sampled_from(
    [
        *("/", "/history", "/changes", "/changes/{}", "/environments/{}", "/audit", "/static/{}"),
        *("/diff/{}..{}", "/delivery", "/history/records.csv", "/environments/{}/records/{}"),
        *("/audit/records.jsonl", "/sign-in", "/auth/start", "/auth/callback", "/healthz", "/{}"),
        *("/readyz", "/metrics", "/openapi.json", "/events", "/api/v1/status", "/api/v1/history"),
        *("/api/v1/changes", "/api/v1/changes/{}", "/api/v1/changes/{}/output/{}", "/api/v1/audit"),
        *("/api/v1/environments/{}", "/api/v1/webhooks", "/api/v1/versions", "http://x/{}"),
        "/api/v1/diff",
    ]
)
NAMES = ["limit", "after", "before", "environment", "version", "operator", "kind", "digest"]
NAMES += ["since", "until", "search", "from", "to", "state", "next", "code", "v"]
QUERIES = st.lists(st.tuples(st.sampled_from(NAMES), WORDS), max_size=3).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
ODD: st.SearchStrategy[tuple[str, str]] = st.sampled_from(
    [
        *(("Host", host) for host in ("evil.example", "", "a:b:c", "[::1", "127.0.0.1:99999999")),
        *(("Content-Length", length) for length in ("-1", "abc", "9" * 11, "1, 1", "+1")),
        *(("Transfer-Encoding", coding) for coding in ("chunked", "gzip, chunked", "x")),
        *(("Cookie", kept) for kept in ("floe=" + "a" * 4000, "floe=e.x.y; floe=;;=\x01", "\xff")),
        *(
            ("Authorization", who)
            for who in ("Bearer x", "Basic !!!", "Digest a", "\xff", "Bearer")
        ),
        *(("X-Forwarded-Email", name) for name in ("a,b", "\xff", "<b>", "a" * 300)),
        *(("Content-Type", kind) for kind in ("application/json; charset=utf-99", "multipart/x")),
        *(("Floe-Ticket", ticket) for ticket in ("a.b.c", "\xff", "e30.a.b")),
        *(("Idempotency-Key", key) for key in ("a b", "x" * 300, "\xff")),
        *(("traceparent", trace) for trace in ("\xff", "00-" + "0" * 32 + "-" + "0" * 16 + "-01")),
        *(("Last-Event-ID", "\xb2"), ("Expect", "100-continue"), ("Upgrade", "websocket")),
        *(("Range", "bytes=0-0,1-1"), ("Origin", "http://[::1"), ("X-A", "b" * 300_000)),
        ("Content-Encoding", "gzip"),
    ]
)
ORDERS: dict[str, dict[str, Any]] = {
    "promotions": {"version": "v1.0.0", "to": "staging"},
    "rollbacks": {"version": "v1.0.0", "environment": "staging", "reason": "x"},
    "environments/prod/lock": {"reason": "x"},
    "environments/prod/unlock": {"reason": "x"},
    "changes/c-00000001/reject": {"reason": "x"},
    "webhooks": {"redeliver": "all"},
    "sync": {"environment": "staging"},
}
HOSTILE = {
    "deep lists": b"[" * _DEEP,
    "deep maps": b'{"reason":' * _DEEP,
    "a giant number": b'{"reason":' + b"9" * _DEEP + b"}",
    "bytes": bytes(range(256)),
    "half": b'{"reason": "x", "version": "v1.0.0", "to": "stag',
    "compressed": gzip.compress(b" " * 10_000_000),
    "too large": b'{"reason":"' + b"x" * 1_500_000 + b'"}',
    "a field twice": b'{"reason":"x","version":"v1.0.0","to":"staging","to":"staging"}',
    "nothing": b"",
}


@dataclass(frozen=True)
class Place:
    folder: Path
    server: Serving
    token: str

    @property
    def trusted(self) -> Headers:
        """Return headers of a person the proxy names, who also has a valid token."""
        host, bearer = ("Host", "127.0.0.1"), ("Authorization", f"Bearer {self.token}")
        return (host, bearer, ("X-Forwarded-Email", "alice@acme.com"))

    def state(self) -> tuple[bytes, Any]:
        """Return the state that any effect would change."""
        headers = dict(self.trusted)
        changes = httpx.get(f"{self.server.url}/api/v1/changes?state=all", headers=headers).json()
        return (self.folder / "registry/index.json").read_bytes(), changes

    def ask(self, request: bytes) -> Answer:
        said = ask(self.server.port, request)
        # waitress answers 501 for an unknown transfer coding.
        assert said.status < 500 or said.status == 501, said
        assert b"Traceback" not in said.body
        assert b"Internal Server Error" not in said.body
        return said


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Serve a platform with Slack; at the end it still answers, and logged no internal error."""
    folder, key = tmp_path_factory.mktemp("served"), SigningKey.new()
    with fake_slack() as slack, FakeIssuer(key) as issuer:
        (folder / "manifest.yaml").write_text(MANIFEST % issuer.issuer)
        oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
        said = claims(issuer.issuer, email="alice@acme.com", email_verified=True)
        tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_SIGNING_SECRET": SECRET}
        with serving(folder, SLACK_API_URL=slack.url, **tokens) as server:
            built = Place(folder, server, key.sign(said))
            before = built.state()
            yield built
            assert built.state() == before
            assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert "Traceback" not in (folder / "serve.log").read_text()


@MANY
@given(
    method=st.sampled_from(
        ["GET"] * 8 + ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "get", "F\0"]
    ),
    where=PLACES,
    words=st.lists(WORDS, min_size=2, max_size=2),
    query=QUERIES,
    odd=st.lists(ODD, max_size=2),
    known=st.booleans(),
)
def test_any_request_gets_a_clear_answer(
    place: Place,
    method: str,
    where: str,
    words: list[str],
    query: str,
    odd: list[tuple[str, str]],
    known: bool,
) -> None:
    headers = [*(place.trusted if known else [("Host", "127.0.0.1")]), *odd]
    target = where.format(*words) + (f"?{query}" if query else "")

    # The end of chunks where they were announced; otherwise the server rightly waits.
    place.ask(request_bytes(method, target, headers, b"0\r\n\r\n", length=False))


@MANY
@given(order=st.sampled_from(list(ORDERS)), field=st.integers(0, 3), value=OTHERS)
def test_unintended_command_has_no_effect(place: Place, order: str, field: int, value: Any) -> None:
    body = dict(ORDERS[order])
    names = [*body, "from", "x"]
    # Any text is a valid reason.
    body[names[field % len(names)]] = [value] if isinstance(value, str) else value
    headers = [*place.trusted, ("Content-Type", "application/json")]
    if body.get("from", "") is None or body.get("environment", "") is None:
        return

    said = place.ask(
        request_bytes("POST", f"/api/v1/{order}", headers, json.dumps(body).encode(), length=True)
    )

    assert 400 <= said.status < 500


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("order", ["promotions", "environments/prod/lock"])
def test_hostile_body_has_no_effect(place: Place, order: str, name: str) -> None:
    headers = [*place.trusted, ("Content-Type", "application/json")]

    said = place.ask(request_bytes("POST", f"/api/v1/{order}", headers, HOSTILE[name], length=True))

    assert 400 <= said.status < 500
    assert said.body


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "x"])
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("target", ["/slack/events", "/sign-out", "/environments/prod/lock"])
def test_unsigned_body_has_no_effect(place: Place, target: str, name: str, kind: str) -> None:
    headers = [*place.trusted, ("Content-Type", kind), ("X-Slack-Signature", "v0=\xff")]

    said = place.ask(request_bytes("POST", target, headers, HOSTILE[name], length=True))

    assert 400 <= said.status < 500


@MANY
@given(
    request=st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda more: b"POST /api/v1/sync HTTP/1.1\r\n" + more)
    | st.binary(max_size=60).map(
        lambda more: b"POST /sign-out HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + more
    )
)
def test_any_bytes_get_an_answer_or_a_timeout(place: Place, request: bytes) -> None:
    place.ask(request + b"\r\n\r\n")
