"""A real OpenID provider (npm's oidc-provider) on a loopback port, and ways to sign in with it."""

import base64
import hashlib
import json
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from tests.peers import npm
from tests.peers.loopback import free_port, until_answered
from tests.peers.signing import SigningKey

SECRET = "provider-s3cret"
"""Of the clients `floe-web` and `pipeline`; `floe` has none."""

USERS: Mapping[str, Mapping[str, object]] = {
    "alice": {
        "email": "alice@acme.com",
        "email_verified": True,
        "groups": ["platform-admins", "release-managers"],
    },
    "bob": {"email": "bob@acme.com", "email_verified": True, "groups": ["developers"]},
    # Entered another person's address in her profile.
    "mallory": {"email": "alice@acme.com", "email_verified": False, "groups": []},
}

_FOLDER = Path(__file__).parent / "oidc"
_CALLBACK = "http://127.0.0.1/callback"
_HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


@dataclass(frozen=True)
class OidcProvider:
    """A provider with the URL `issuer` that signs with `key`.

    It has the clients `floe` (public, with PKCE, device codes and refresh tokens that rotate),
    `floe-web` (PKCE with SECRET) and `pipeline` (client credentials, with SECRET).
    """

    issuer: str
    key: SigningKey

    def id_token(self, user: str, scope: str = "openid email groups") -> str:
        """
        Sign `user` in like a browser (authorization code, PKCE, client floe) and return the ID
        token.
        """
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "client_id": "floe",
            "response_type": "code",
            "redirect_uri": _CALLBACK,
            "scope": scope,
            "code_challenge": challenge.decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        with httpx.Client() as browser:
            page = browser.get(f"{self.issuer}/auth", params=asked, follow_redirects=True)
            callback = log_in(browser, page, user)
            granted = {
                "grant_type": "authorization_code",
                "client_id": "floe",
                "code": parse_qs(urlsplit(callback).query)["code"][0],
                "redirect_uri": _CALLBACK,
                "code_verifier": verifier,
            }
            return _token(browser.post(f"{self.issuer}/token", data=granted), "id_token")

    def access_token(self, audience: str = "floe") -> str:
        """Return a JWT of the workload `pipeline` for `audience`."""
        asked = {"grant_type": "client_credentials", "resource": f"urn:{audience}"}
        answer = httpx.post(f"{self.issuer}/token", data=asked, auth=("pipeline", SECRET))
        return _token(answer, "access_token")


def log_in(browser: httpx.Client, page: httpx.Response, user: str) -> str:
    """Fill in the provider's form on `page`, and return the address of the redirect."""
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form, page.text
    typed = {"prompt": "login", "login": user, "password": "any"}
    answer = browser.post(urljoin(str(page.url), form[1]), data=typed)
    while answer.next_request and answer.next_request.url.netloc == page.url.netloc:
        answer = browser.send(answer.next_request)
    assert answer.next_request, answer.text
    return str(answer.next_request.url)


def enter_code(address: str, user: str) -> str:
    """Enter the device code in `address`, sign `user` in, and return the last page."""
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(address)
        for _ in range(2):
            # The code, and then the confirmation that it is the one on the device.
            typed = dict(_HIDDEN.findall(page.text))
            form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
            assert form, page.text
            page = browser.post(urljoin(str(page.url), form[1]), data=typed)
        form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert form, page.text
        typed = {"prompt": "login", "login": user, "password": "any"}
        return browser.post(urljoin(str(page.url), form[1]), data=typed).text


@contextmanager
def oidc_provider(
    folder: Path,
    key: SigningKey | None = None,
    *,
    port: int | None = None,
    redirect_uris: tuple[str, ...] = (_CALLBACK,),
    id_token_seconds: int = 600,
) -> Iterator[OidcProvider]:
    """Run a provider that keeps its log in `folder`; give `port` to restart one.

    `redirect_uris` are the allowed redirects of the two clients for people; on 127.0.0.1 their
    ports do not matter.
    """
    npm.install(_FOLDER)
    key = key or SigningKey.new("RS256")
    issuer = f"http://127.0.0.1:{port or free_port()}"
    settings = {
        "issuer": issuer,
        "algorithm": key.algorithm,
        "keys": [key.private_jwk()],
        "users": USERS,
        "secret": SECRET,
        "redirectUris": redirect_uris,
        "idTokenSeconds": id_token_seconds,
    }
    command = ["node", str(_FOLDER / "provider.mjs"), json.dumps(settings)]
    with (
        (folder / "oidc-provider.log").open("ab") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            until_answered(f"{issuer}/.well-known/openid-configuration", process)
            yield OidcProvider(issuer, key)
        finally:
            process.terminate()
            process.wait(60)


def _token(answer: httpx.Response, name: str) -> str:
    assert answer.status_code == 200, answer.text
    token: str = answer.json()[name]
    return token
