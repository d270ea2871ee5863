"""A token issuer that misbehaves on demand: slow, huge, wrong, redirected, gone."""

import json
import ssl
from typing import Any

from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.signing import SigningKey

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"


class FakeIssuer(FakeServer):
    """Publishes `keys`, which may be changed while it runs."""

    def __init__(self, *keys: SigningKey, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.scheme = "https" if tls else "http"
        self.jwks: Any = {"keys": [key.jwk() for key in keys]}

    @property
    def issuer(self) -> str:
        return f"{self.scheme}://{self.host}"

    def publish(self, *keys: SigningKey) -> None:
        self.jwks = {"keys": [key.jwk() for key in keys]}

    def respond(self, request: Request) -> Reply:
        if request.path == DISCOVERY:
            return reply({"issuer": self.issuer, "jwks_uri": f"{self.issuer}{JWKS}"})
        return reply(self.jwks) if request.path == JWKS else Reply(404)


def reply(document: object) -> Reply:
    return Reply(200, json.dumps(document).encode(), {"Content-Type": "application/json"})
