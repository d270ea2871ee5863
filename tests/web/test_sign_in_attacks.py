"""Answers meant for other clients, and browsers prepared by an attacker."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.peers.fake_provider import FakeProvider
from tests.peers.signing import SigningKey
from tests.web.stage import Stage, stage_in

pytestmark = pytest.mark.requirement("WB-002")
_FORM_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass(frozen=True)
class Place:
    stage: Stage
    provider: FakeProvider

    def begin(self) -> str:
        """Begin a sign-in in the stage's browser, and return its state; the nonce is known."""
        asked = parse_qs(urlsplit(self.stage.client.get("/auth/start").headers["Location"]).query)
        self.provider.nonce = asked["nonce"][0]
        return asked["state"][0]

    def finish(self, state: str) -> Any:
        return self.stage.client.get(f"/auth/callback?code=given&state={state}")

    def signed_in(self) -> bool:
        return bool(self.stage.client.get("/changes").status_code == 200)


def web_section(provider: FakeProvider, rules: str = "") -> str:
    return (
        f"base_url: 'http://127.0.0.1', auth: {{mode: oidc, issuer: '{provider.issuer}', "
        f"client_id: floe-web, client_secret: '${{OIDC_SECRET}}', {rules}}}"
    )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with FakeProvider() as provider, stage_in(tmp_path, web_section(provider)) as stage:
        yield Place(stage, provider)


def test_valid_answer_to_this_sign_in_is_accepted(place: Place) -> None:
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
def test_id_token_for_another_purpose_is_rejected(place: Place, changed: dict[str, Any]) -> None:
    place.provider.changed = changed

    answer = place.finish(place.begin())

    assert answer.status_code == 403
    assert not place.signed_in()


def test_id_token_signed_with_another_key_is_rejected(place: Place) -> None:
    place.provider.signer = SigningKey.new("RS256")

    answer = place.finish(place.begin())

    assert answer.status_code == 403
    assert not place.signed_in()


@pytest.mark.parametrize("state", ["", "x", "%00"])
def test_unrequested_callback_is_rejected(place: Place, state: str) -> None:
    place.begin()

    answer = place.finish(state)

    assert answer.status_code == 403
    assert not place.signed_in()


def test_cookie_planted_before_sign_in_is_no_session_afterwards(place: Place) -> None:
    state = place.begin()
    prepared = place.stage.client.get_cookie("floe")
    assert prepared is not None
    place.finish(state)
    mine = place.stage.client.get_cookie("floe")
    assert mine is not None

    place.stage.client.set_cookie("floe", prepared.value)

    assert mine.value != prepared.value
    assert not place.signed_in()


def test_form_from_before_sign_in_is_rejected_afterwards(place: Place) -> None:
    place.finish(place.begin())
    before = _FORM_TOKEN.search(place.stage.client.get("/environments/prod").text)
    place.finish(place.begin())
    assert before is not None

    answer = place.stage.client.post(
        "/environments/prod/lock", data={"csrf": before[1], "reason": "INC-1"}
    )

    assert answer.status_code == 403
    assert place.stage.platform.engine.status()[-1].lock is None


@pytest.mark.parametrize(
    ("rules", "stranger", "said"),
    [
        ("claims: {hd: acme.com}", {}, "the claim hd is missing, and claims admits only"),
        (
            "claims: {hd: acme.com}",
            {"hd": "evil.com"},
            "the claim hd is &#34;evil.com&#34;, and claims admits only [&#34;acme.com&#34;]",
        ),
        (
            "allowed_domains: [acme.com]",
            {"email": "bob@acme.com.evil.com"},
            "the e-mail address is bob@acme.com.evil.com, and allowed_domains admits only",
        ),
        (
            "allowed_domains: [acme.com]",
            {"email_verified": False},
            "it has no verified e-mail, and allowed_domains admits only",
        ),
        ("subjects: [bob]", {"sub": "mallory"}, "matches none of subjects"),
    ],
)
def test_person_without_access_is_refused_on_one_page(
    tmp_path: Path, rules: str, stranger: dict[str, Any], said: str
) -> None:
    colleague = {"hd": "acme.com", "sub": "bob"}
    with FakeProvider() as provider, stage_in(tmp_path, web_section(provider, rules)) as stage:
        place = Place(stage, provider)
        provider.changed = {"sub": "bob", **stranger}
        answer = place.finish(place.begin())
        refused = place.signed_in()
        provider.changed = colleague
        place.finish(place.begin())
        admitted = place.signed_in()

    assert answer.status_code == 403
    assert said in answer.text
    assert not refused
    assert admitted


def test_session_ends_when_the_sign_in_rules_change(tmp_path: Path) -> None:
    with FakeProvider() as provider:
        with stage_in(tmp_path, web_section(provider)) as stage:
            before = Place(stage, provider)
            before.finish(before.begin())
            cookie = stage.client.get_cookie("floe")
            assert cookie is not None
            assert before.signed_in()

        with stage_in(tmp_path, web_section(provider, "claims: {hd: acme.com}")) as stage:
            stage.client.set_cookie("floe", cookie.value)
            after = Place(stage, provider)

            assert not after.signed_in()
