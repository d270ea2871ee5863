"""
A small OpenID provider on loopback that signs in the demo's people without a password.

`python -m demo.issuer` runs it alone, to play several people on a platform of your own.
"""

import argparse
import hashlib
import html
import json
import secrets
import signal
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

_KEY = ec.generate_private_key(ec.SECP256R1())


PEOPLE = {
    "alice@acme.com": ("developers",),
    "bob@acme.com": ("release-managers",),
    "carol@acme.com": (),
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Who are you?</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>body{{font:1.1rem system-ui;max-width:26rem;margin:15vh auto;padding:0 1rem}}
a{{display:block;margin:.6rem 0;padding:.7rem 1rem;border:1px solid #8888;border-radius:.5rem;
text-decoration:none}}a:hover{{border-color:currentColor}}</style>
<h1>Who are you?</h1><p>The demo asks for no password.</p>{links}</html>"""


class Issuer:
    """The provider: manifest.yaml trusts `url`; `token` issues tokens for ten minutes."""

    def __init__(self, url: str) -> None:
        self.url = url
        # For each issued code: the query of the sign-in, and the person's e-mail.
        self._codes: dict[str, tuple[dict[str, str], str]] = {}

    def token(self, email: str, audience: str = "floe", **more: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": audience,
            "sub": email.partition("@")[0],
            "email": email,
            "email_verified": True,
            "groups": list(PEOPLE[email]),
            "iat": now,
            "exp": now + 600,
            **more,
        }
        return jwt.encode(claims, _KEY, algorithm="ES256", headers={"kid": "demo"})

    def document(self, path: str) -> dict[str, Any] | None:
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "scopes_supported": ["openid", "email", "groups"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            },
            "/keys": {"keys": [_public_key()]},
        }.get(path)

    def question(self, query: dict[str, str]) -> str:
        """Render the page where a person chooses an identity."""
        links = ""
        for email, groups in PEOPLE.items():
            href = html.escape("/authorize?" + urlencode(query | {"login": email}))
            member = f" – {', '.join(groups)}" if groups else " – in no group"
            links += f'<a href="{href}">{html.escape(email + member)}</a>'
        return _PAGE.format(links=links)

    def answer(self, query: dict[str, str]) -> str:
        """Issue a code for the chosen identity; return the redirect URL."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = (query, query["login"])
        back = urlencode({"code": code, "state": query.get("state", ""), "iss": self.url})
        return f"{query['redirect_uri']}?{back}"

    def redeem(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Exchange a code for tokens, once, if its verifier matches (RFC 7636)."""
        query, email = self._codes.pop(form.get("code", ""), ({}, ""))
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if urlsafe_b64encode(challenge).decode().rstrip("=") != query.get("code_challenge"):
            return None
        token = self.token(email, query["client_id"], nonce=query.get("nonce", ""))
        return {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "id_token": token,
        }


@contextmanager
def issuer(port: int = 0) -> Iterator[Issuer]:
    server = _Server(("127.0.0.1", port), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.issuer
    finally:
        server.shutdown()
        server.server_close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.issuer")
    parser.add_argument("--port", type=int, default=9000, help="0: a free port")
    try:
        with issuer(parser.parse_args().port) as provider:
            print(f"Signs in {', '.join(PEOPLE)} without a password: {provider.url}", flush=True)
            signal.pause()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        print(f"The provider cannot start: {why}. Choose another --port", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


class _Server(ThreadingHTTPServer):
    def __init__(self, *address: Any) -> None:
        super().__init__(*address)
        self.issuer = Issuer(f"http://127.0.0.1:{self.server_port}")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        if where.path != "/authorize":
            self._say(self.server.issuer.document(where.path))
        elif query.get("login") in PEOPLE:
            self.send_response(303)
            self.send_header("Location", self.server.issuer.answer(query))
            self.end_headers()
        else:
            self._send(200, "text/html; charset=utf-8", self.server.issuer.question(query))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        form = parse_qs(self.rfile.read(length).decode())
        self._say(self.server.issuer.redeem({name: values[0] for name, values in form.items()}))

    def _say(self, document: dict[str, Any] | None) -> None:
        self._send(200 if document else 400, "application/json", json.dumps(document or {}))

    def _send(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the transcript shows floe only."""


def _public_key() -> dict[str, Any]:
    key: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)
    return key | {"kid": "demo", "use": "sig", "alg": "ES256"}


if __name__ == "__main__":
    sys.exit(main())
