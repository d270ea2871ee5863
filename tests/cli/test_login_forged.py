"""No forged answer of a provider, and no other site, signs a person in on the command line."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from cli.login.loopback import Loopback
from engine.domain.errors import AuthorizationError
from tests.cli.desk import Desk, desk_with_fake_provider
from tests.peers.fake_provider import FakeProvider
from tests.peers.signing import SigningKey

STATE = "s" * 30
ISSUER = "https://login.acme.com"


@pytest.fixture
def at_provider(tmp_path: Path) -> Iterator[tuple[Desk, FakeProvider]]:
    with desk_with_fake_provider(tmp_path) as both:
        yield both


@pytest.fixture
def desk(at_provider: tuple[Desk, FakeProvider]) -> Desk:
    return at_provider[0]


@pytest.fixture
def provider(at_provider: tuple[Desk, FakeProvider]) -> FakeProvider:
    return at_provider[1]


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    waiting = Loopback(device=False)
    waiting.expect(STATE, ISSUER, named=False)
    with waiting.serving():
        yield waiting


def test_usual_answer_signs_in(desk: Desk) -> None:
    signed_in = desk.run("login")

    assert signed_in.code == 0, signed_in.err
    assert "bob@acme.com" in signed_in.out
    assert "the provider does not let floe renew it" in signed_in.out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"nonce": "another"}, "belongs to another sign-in"),
        ({"aud": "another"}, "is meant for 'another'"),
        ({"aud": ["floe", "another"], "azp": "another"}, "was made for the client 'another'"),
        ({"iss": "https://another.example"}, "is from issuer 'https://another.example'"),
        ({"exp": 1_000_000_000}, "expired at"),
    ],
)
def test_token_for_another_purpose_does_not_sign_in(
    desk: Desk, provider: FakeProvider, changed: dict[str, Any], said: str
) -> None:
    provider.changed |= changed

    refused = desk.run("login")

    assert refused.code == 12
    assert said in refused.err
    assert not desk.file.exists()


@pytest.mark.parametrize("end", [1e20, 10**20])
def test_token_that_never_ends_signs_in(desk: Desk, provider: FakeProvider, end: float) -> None:
    provider.changed |= {"exp": end}

    signed_in = desk.run("login")

    assert signed_in.code == 0, signed_in.err
    assert "Signed in, until 9999-12-31 23:59 UTC" in signed_in.out


@pytest.mark.parametrize("answer", [{}, [], {"device_code": "x", "user_code": "y"}])
def test_invalid_device_code_does_not_sign_in(
    desk: Desk, provider: FakeProvider, answer: object
) -> None:
    provider.device = answer

    refused = desk.run("login", "--device")

    assert refused.code == 12
    assert "gave no code for another device" in refused.err
    assert not desk.file.exists()


def test_token_signed_by_another_key_does_not_sign_in(desk: Desk, provider: FakeProvider) -> None:
    provider.signer = SigningKey.new("RS256")

    refused = desk.run("login")

    assert refused.code == 12
    assert "is not signed by a key" in refused.err
    assert not desk.file.exists()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"iss": "https://another.example"}, "The answer is not from http://"),
        ({"error": "access_denied"}, "did not sign you in: access_denied"),
        ({"code": ""}, "sent no code"),
    ],
)
def test_redirect_without_a_code_of_the_provider_does_not_sign_in(
    desk: Desk, provider: FakeProvider, sent: dict[str, str], said: str
) -> None:
    provider.sent = sent

    refused = desk.run("login")

    assert refused.code == 12
    assert said in refused.err
    assert not desk.file.exists()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_provider_is_no_expired_sign_in(
    desk: Desk, provider: FakeProvider, status: int
) -> None:
    provider.busy = [status]

    refused = desk.run("login")

    assert refused.code == 5, refused.err
    assert "does not answer in time, so sign-in fails: try again in a moment" in refused.err


def test_device_waits_for_a_busy_provider(desk: Desk, provider: FakeProvider) -> None:
    provider.changed["aud"] = "floe"
    place = {"verification_uri": "https://login.acme.com/device", "expires_in": 300}
    provider.device = {"device_code": "x", "user_code": "y", "interval": 1, **place}
    provider.busy = [503, 429]

    signed_in = desk.run("login", "--device")

    assert signed_in.code == 0, signed_in.err


def answered(loopback: Loopback, path: str = "/callback", host: str = "", **asked: str) -> int:
    headers = {"Host": host} if host else {}
    url = f"http://{loopback.host}{path}?{urlencode(asked)}"
    return httpx.get(url, headers=headers).status_code


def test_requests_of_others_do_not_end_the_wait_for_the_provider(loopback: Loopback) -> None:
    guessed = answered(loopback, code="mine", state="guessed")
    unstated = answered(loopback, code="mine")
    elsewhere = answered(loopback, "/", code="mine", state=STATE)
    rebound = answered(loopback, host="evil.example", code="mine", state=STATE)
    twice = httpx.get(f"{loopback.callback}?state={STATE}&state={STATE}&code=mine").status_code

    usual = answered(loopback, code="given", state=STATE)

    assert (guessed, unstated, elsewhere, rebound, twice) == (400, 400, 404, 400, 400)
    assert usual == 200
    assert loopback.code() == "given"


def test_second_answer_to_a_sign_in_is_refused(loopback: Loopback) -> None:
    answers = [answered(loopback, code=code, state=STATE) for code in ("given", "mine")]

    assert answers == [200, 400]
    assert loopback.code() == "given"


def test_connection_that_a_browser_resets_prints_nothing(
    loopback: Loopback, capfd: pytest.CaptureFixture[str]
) -> None:
    host, port = loopback.host.split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port))) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")

    assert answered(loopback, code="given", state=STATE) == 200
    assert capfd.readouterr().err == ""


def test_provider_that_names_itself_must_do_so_in_its_answer(loopback: Loopback) -> None:
    loopback.expect(STATE, ISSUER, named=True)

    assert answered(loopback, code="mine", state=STATE) == 403
    with pytest.raises(AuthorizationError, match="not from https://login.acme.com"):
        loopback.code()
