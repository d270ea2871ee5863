"""No invalid answer of an OpenID provider signs a person in; the error is one page."""

import gzip
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.altering import OTHERS, altered
from tests.peers.fake_http import Reply
from tests.peers.fake_issuer import DISCOVERY, JWKS
from tests.peers.fake_provider import FakeProvider
from tests.web.stage import Stage, stage_in

_DEEP = 100_000
JSON = {"Content-Type": "application/json"}
SEVERAL = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
HOSTILE = {
    "deep lists": Reply(200, b"[" * _DEEP, JSON),
    "deep maps": Reply(200, b'{"a":' * _DEEP, JSON),
    "a giant number": Reply(200, b'{"id_token":' + b"9" * _DEEP + b"}", JSON),
    "more than is read": Reply(200, b'{"a":"' + b"x" * 30_000_000 + b'"}', JSON),
    "compressed": Reply(200, gzip.compress(bytes(9_000_000)), JSON | {"Content-Encoding": "gzip"}),
    "a page": Reply(200, b"<html>", {"Content-Type": "text/html"}),
    "a number": Reply(200, b"5", JSON),
    "for ever": Reply(200, b'{"access_token": "x", "expires_in": Infinity}', JSON),
    "a list": Reply(200, b'["access_token"]', JSON),
    "nothing": Reply(200, b"", JSON),
    "elsewhere": Reply(302, b"", {"Location": "http://127.0.0.1:1/"}),
    "an error": Reply(400, b'{"error": ["\\u202e"], "error_description": {}}', JSON),
    "a failure": Reply(500, b"[]", JSON),
    "half": Reply(200, b'{"id_token":"x"}', JSON, cut_after=5),
}
# Refused, or the provider gave no usable answer.
REFUSED = (403, 503)


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@contextmanager
def signing_in(folder: Path, provider: FakeProvider) -> Iterator[Stage]:
    """A page with sign-in by `provider`."""
    web = (
        f"base_url: 'http://127.0.0.1', auth: {{mode: oidc, issuer: '{provider.issuer}', "
        "client_id: floe-web, client_secret: '${OIDC_SECRET}'}"
    )
    with stage_in(folder, web) as built:
        yield built


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, provider: FakeProvider) -> Iterator[Stage]:
    with signing_in(tmp_path_factory.mktemp("signing-in"), provider) as built:
        yield built


@pytest.fixture(autouse=True)
def _as_usual(provider: FakeProvider) -> Iterator[None]:
    yield
    provider.forget_scripts()


def answered(browser: FlaskClient, path: str) -> int:
    """Return the status of an error page, and assert that it shows no internals."""
    answer = browser.get(path)
    assert answer.status_code in (303, *REFUSED), answer.text
    assert "Traceback" not in answer.text
    return answer.status_code


def come_back(browser: FlaskClient, provider: FakeProvider) -> int:
    """Begin to sign in, and return with a code."""
    begun = browser.get("/auth/start")
    if begun.status_code in REFUSED:
        return begun.status_code
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    provider.nonce = asked["nonce"][0]
    return answered(browser, f"/auth/callback?code=given&state={asked['state'][0]}")


def signed_in(browser: FlaskClient) -> bool:
    return browser.get("/changes").status_code == 200


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_token_answer_does_not_sign_in(
    stage: Stage, provider: FakeProvider, name: str
) -> None:
    provider.always("POST", "/token", HOSTILE[name])
    with stage.app.test_client() as browser:
        status = come_back(browser, provider)

        assert status in REFUSED
        assert not signed_in(browser)


@SEVERAL
@given(place=st.integers(0, 100), value=OTHERS)
def test_altered_token_answer_causes_no_internal_error(
    stage: Stage, provider: FakeProvider, place: int, value: Any
) -> None:
    answer = {"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": "a.b.c"}
    body = json.dumps(altered(answer, place, value)).encode()
    provider.forget_scripts()
    provider.always("POST", "/token", Reply(200, body, JSON))
    with stage.app.test_client() as browser:
        status = come_back(browser, provider)

        assert status in REFUSED
        assert not signed_in(browser)


@pytest.fixture
def strange(tmp_path: Path) -> Iterator[tuple[FakeProvider, Stage]]:
    """A page whose provider has never served a valid description."""
    with FakeProvider() as provider, signing_in(tmp_path, provider) as stage:
        yield provider, stage


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_description_does_not_sign_in(
    strange: tuple[FakeProvider, Stage], name: str
) -> None:
    provider, stage = strange
    provider.always("GET", re.escape(DISCOVERY), HOSTILE[name])
    with stage.app.test_client() as browser:
        status = come_back(browser, provider)

        assert status in REFUSED
        assert not signed_in(browser)


@pytest.mark.parametrize("name", ["deep lists", "deep maps", "a giant number", "compressed"])
def test_hostile_keys_do_not_sign_in(tmp_path: Path, name: str) -> None:
    with FakeProvider() as provider, signing_in(tmp_path, provider) as stage:
        provider.always("GET", re.escape(JWKS), HOSTILE[name])
        status = come_back(stage.client, provider)

        assert status in REFUSED
        assert not signed_in(stage.client)
        assert provider.seen("GET", re.escape(JWKS))


def test_dripping_answer_times_out(stage: Stage, provider: FakeProvider) -> None:
    provider.always("POST", "/token", Reply(200, b" " * 1000, JSON, drip_seconds=1))
    began = time.monotonic()
    with stage.app.test_client() as browser:
        status = come_back(browser, provider)

    assert status == 503
    assert time.monotonic() - began < 100
