"""Authentication of the fake registry: by password, or by a token service with scopes."""

import base64
import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.peers.fake_http import WRITES, Reply, Request

_REPOSITORY = re.compile(r"/v2/(.+?)/(?:manifests|blobs|tags|referrers)/")


@dataclass
class BasicAuth:
    """Admits `password` with one of `users`; without `users`, with any name."""

    users: tuple[str, ...] = ("alice",)
    password: str = "s3cret"

    def refusal(self, request: Request) -> Reply | None:
        user, password = _pair(request.headers.get("authorization", ""))
        if password == self.password and (not self.users or user in self.users):
            return None
        return Reply(401, headers={"WWW-Authenticate": 'Basic realm="registry"'})

    def token(self, _request: Request) -> Reply:
        return Reply(404)


@dataclass
class TokenAuth:
    """
    A token service. `user` and `password` may push and pull, `identity_token` too; `public`
    repositories may be pulled without credentials. `expires_in` is only announced: tokens end by
    `revoke`. Tokens are `named` and numbered. `any_user`: the password counts with every user name,
    as with the tokens of GitLab, Gitea and GHCR. `forgiving`: a scope request with a wrong password
    gets an anonymous token, as from Harbor.
    """

    user: str = "alice"
    password: str = "s3cret"
    identity_token: str | None = None
    public: bool = False
    expires_in: int | None = 300
    field_name: str = "token"
    realm: str | None = None
    named: str = "token"
    any_user: bool = False
    forgiving: bool = False
    tokens: dict[str, frozenset[str]] = field(default_factory=dict)
    issued: int = 0

    def revoke(self) -> None:
        """Invalidate every issued token."""
        self.tokens.clear()

    def refusal(self, request: Request) -> Reply | None:
        """Return 401 with a challenge, unless the request has a token with the needed scope."""
        if request.path == "/v2/":
            return self._unless_signed_in(request)
        match = _REPOSITORY.match(request.path)
        if match is None:
            return None
        action = "push" if request.method in WRITES else "pull"
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if f"{match[1]}:{action}" in self.tokens.get(token, frozenset()):
            return None
        scope = f"repository:{match[1]}:{'pull,push' if action == 'push' else 'pull'}"
        return self._challenge(request, f',scope="{scope}"')

    def _unless_signed_in(self, request: Request) -> Reply | None:
        """Accept any token, also one that grants nothing."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if token in self.tokens else self._challenge(request, "")

    def _challenge(self, request: Request, scope: str) -> Reply:
        realm = self.realm or f"http://{request.headers['host']}/token"
        challenge = f'Bearer realm="{realm}",service="fake registry"{scope}'
        body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "log in"}]}).encode()
        return Reply(401, body, {"WWW-Authenticate": challenge})

    def token(self, request: Request) -> Reply:
        """Return a new token for the requested scopes, or 401 for wrong credentials."""
        asked = parse_qs(request.body.decode() if request.method == "POST" else request.query)
        actions = self._allowed(request, asked)
        if actions is None:
            return Reply(401, json.dumps({"errors": [{"code": "UNAUTHORIZED"}]}).encode())
        scopes = (scope for text in asked.get("scope", []) for scope in text.split())
        granted = frozenset(
            f"{scope.split(':')[1]}:{action}"
            for scope in scopes
            for action in scope.split(":")[2].split(",")
            if action in actions
        )
        self.issued += 1
        token = f"{self.named}-{self.issued}"
        self.tokens[token] = granted
        answer: dict[str, object] = {self.field_name: token}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _allowed(self, request: Request, asked: dict[str, list[str]]) -> frozenset[str] | None:
        everything = frozenset({"pull", "push"})
        if request.method == "POST":
            known = asked.get("refresh_token") == [self.identity_token]
            return everything if known and asked["grant_type"] == ["refresh_token"] else None
        given = request.headers.get("authorization")
        anonymous = frozenset({"pull"}) if self.public else frozenset[str]()
        if given is None:
            return anonymous
        user, password = _pair(given)
        if password == self.password and (self.any_user or user == self.user):
            return everything
        return anonymous if self.forgiving and "scope" in asked else None


def _pair(authorization: str) -> tuple[str, str]:
    """Return user and password of a Basic header."""
    user, _, password = (
        base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    )
    return user, password
