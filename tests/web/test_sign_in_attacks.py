"""A provider that answers with what was meant for others, and browsers that were prepared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.peers.fake_http import Reply, Request
from tests.peers.fake_issuer import DISCOVERY, FakeIssuer, reply
from tests.peers.signing import SigningKey, claims
from tests.web.stage import Stage, stage_in

pytestmark = pytest.mark.requirement("WB-002")
KEY = SigningKey.new("RS256")
_FORM_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Provider(FakeIssuer):
    """Signs in whoever comes as bob, with `claims` and `signer` as they are set."""

    nonce = ""
    signer = KEY

    def __init__(self) -> None:
        super().__init__(KEY)
        self.changed: dict[str, Any] = {}

    def respond(self, request: Request) -> Reply:
        if request.path == "/token":
            told = {"aud": "floe-web", "nonce": self.nonce, "email": "bob@acme.com"}
            usual = claims(self.issuer, **{"email_verified": True, **told, **self.changed})
            return reply(
                {"access_token": "x", "token_type": "Bearer", "id_token": self.sign(usual)}
            )
        if request.path == DISCOVERY:
            names = ("token", "authorization")
            places = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in names}
            return reply({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **places})
        return super().respond(request)

    def sign(self, usual: dict[str, Any]) -> str:
        return self.signer.sign(usual, kid=KEY.id)


@dataclass(frozen=True)
class Place:
    stage: Stage
    provider: Provider

    def begin(self) -> str:
        """The state of a sign-in that begins in the stage's browser; its nonce is known there."""
        asked = parse_qs(urlsplit(self.stage.client.get("/auth/start").headers["Location"]).query)
        self.provider.nonce = asked["nonce"][0]
        return asked["state"][0]

    def finish(self, state: str) -> Any:
        return self.stage.client.get(f"/auth/callback?code=given&state={state}")

    def signed_in(self) -> bool:
        return bool(self.stage.client.get("/changes").status_code == 200)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Provider() as provider:
        web = (
            f"base_url: 'http://127.0.0.1', auth: {{mode: oidc, issuer: '{provider.issuer}', "
            "client_id: floe-web, client_secret: '${OIDC_SECRET}'}"
        )
        with stage_in(tmp_path, web) as stage:
            yield Place(stage, provider)


def test_what_the_provider_says_in_answer_to_this_sign_in_signs_in(place: Place) -> None:
    answer = place.finish(place.begin())

    assert answer.status_code == 303
    assert place.signed_in()


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "floe"},
        {"aud": "another-client"},
        {"iss": "https://id.example.com"},
        {"exp": 1},
        {"email_verified": False},
    ],
)
def test_an_id_token_for_something_else_signs_nobody_in(
    place: Place, changed: dict[str, Any]
) -> None:
    place.provider.changed = changed

    answer = place.finish(place.begin())

    assert answer.status_code == 403
    assert not place.signed_in()


def test_an_id_token_somebody_else_signed_signs_nobody_in(place: Place) -> None:
    place.provider.signer = SigningKey.new("RS256")

    answer = place.finish(place.begin())

    assert answer.status_code == 403
    assert not place.signed_in()


@pytest.mark.parametrize("state", ["", "x", "%00"])
def test_a_callback_nobody_asked_for_signs_nobody_in(place: Place, state: str) -> None:
    place.begin()

    answer = place.finish(state)

    assert answer.status_code == 403
    assert not place.signed_in()


def test_a_cookie_put_there_before_signing_in_is_nobodys_session_after(place: Place) -> None:
    state = place.begin()
    prepared = place.stage.client.get_cookie("floe")
    assert prepared is not None
    place.finish(state)
    mine = place.stage.client.get_cookie("floe")
    assert mine is not None

    place.stage.client.set_cookie("floe", prepared.value)

    assert mine.value != prepared.value
    assert not place.signed_in()


def test_a_form_shown_before_signing_in_is_none_after(place: Place) -> None:
    place.finish(place.begin())
    before = _FORM_TOKEN.search(place.stage.client.get("/environments/prod").text)
    place.finish(place.begin())
    assert before is not None

    answer = place.stage.client.post(
        "/environments/prod/lock", data={"csrf": before[1], "reason": "INC-1"}
    )

    assert answer.status_code == 403
    assert place.stage.platform.engine.status()[-1].lock is None
