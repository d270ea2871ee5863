"""An OpenID provider that signs in one person, and can give invalid answers."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.peers.fake_http import Reply, Request
from tests.peers.fake_issuer import DISCOVERY, FakeIssuer, reply
from tests.peers.signing import SigningKey, claims


class FakeProvider(FakeIssuer):
    """Signs in every visitor as bob, for the sign-in of `nonce`.

    `changed` overrides claims of the ID token, `signer` signs it, and `given` lists the issued
    ones. `busy` has the statuses of the next answers to requests for a token, last one first.
    `sent` overrides parameters of redirects, and `device` answers requests for a device code.
    """

    def __init__(self) -> None:
        self.key = SigningKey.new("RS256")
        super().__init__(self.key)
        self.signer = self.key
        self.nonce = ""
        self.changed: dict[str, Any] = {}
        self.given: list[str] = []
        self.sent: dict[str, str] = {}
        self.device: object = {}
        self.busy: list[int] = []

    def respond(self, request: Request) -> Reply:
        if request.path == "/token" and self.busy:
            return Reply(self.busy.pop(), b"<h1>Busy</h1>")
        if request.path == "/token":
            known = {"aud": "floe-web", "nonce": self.nonce, "email": "bob@acme.com"}
            usual = claims(self.issuer, **{"email_verified": True, **known, **self.changed})
            self.given.append(self.signer.sign(usual, kid=self.key.id))
            answer = {"access_token": "x", "token_type": "Bearer", "id_token": self.given[-1]}
            return reply(answer)
        if request.path == "/authorization":
            asked = dict(parse_qsl(request.query))
            self.nonce = asked["nonce"]
            sent = urlencode({"code": "given", "state": asked["state"], **self.sent})
            return Reply(302, b"", {"Location": f"{asked['redirect_uri']}?{sent}"})
        if request.path == "/device_authorization":
            return reply(self.device)
        if request.path == DISCOVERY:
            names = ("token", "authorization", "device_authorization")
            places = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in names}
            return reply({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **places})
        return super().respond(request)
