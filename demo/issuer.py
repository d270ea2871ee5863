"""A small OpenID issuer on loopback that signs the demo's people in."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

_KEY = ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """`url` is what manifest.yaml trusts; `token` signs somebody in for ten minutes."""

    def __init__(self, url: str) -> None:
        self.url = url

    def token(self, email: str, *groups: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "floe",
            "sub": email.partition("@")[0],
            "email": email,
            "email_verified": True,
            "groups": list(groups),
            "iat": now,
            "exp": now + 600,
        }
        return jwt.encode(claims, _KEY, algorithm="ES256", headers={"kid": "demo"})


@contextmanager
def issuer() -> Iterator[Issuer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Issuer(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]  # HTTPServer's
        documents: dict[str, dict[str, Any]] = {
            "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
            "/keys": {"keys": [_public_key()]},
        }
        document = documents.get(self.path)
        self.send_response(200 if document else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """The transcript is about floe."""


def _public_key() -> dict[str, Any]:
    key: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)
    return key | {"kid": "demo", "use": "sig", "alg": "ES256"}
