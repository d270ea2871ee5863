"""Issuers that hang, redirect, are gone or answer invalid documents: nothing is accepted."""

import gzip
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engine.adapters.identity import OidcSettings, OidcVerifier
from engine.domain.errors import ConfigError
from tests.identity.oidc import KEY, refused, token
from tests.peers.fake_http import Cut, Reply
from tests.peers.fake_issuer import DISCOVERY, JWKS, FakeIssuer, reply
from tests.peers.signing import claims

pytestmark = pytest.mark.requirement("FR-045")


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer(KEY) as running:
        yield running


@pytest.fixture
def verifier(issuer: FakeIssuer) -> Iterator[OidcVerifier]:
    verifier = OidcVerifier((OidcSettings(issuer.issuer),), timeout_seconds=2)
    yield verifier
    verifier.close()


MANY = json.dumps({"keys": [KEY.jwk()], "padding": "x" * 10_000_000}).encode()


@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(200, delay_seconds=60), "did not answer in time"),
        (Reply(200, b"x" * 200, drip_seconds=0.5), "did not answer in time"),
        (
            Reply(200, headers={"X-Slow": "x" * 600}, drip_seconds=0.1, drips_head=True),
            "did not answer in time",
        ),
        (Cut.BEFORE, "cannot be reached"),
        (Reply(200, MANY), "answered with more than 256 KiB"),
        (Reply(200, b"<html>sign in</html>"), "answered with something that is not JSON"),
        (Reply(200, b"\xff\xfe\xfd"), "answered with something that is not JSON"),
        (Reply(200, b"[" * 100_000), "answered with something that is not JSON"),
        (Reply(200, b'{"keys": ' + b"1" * 5000 + b"}"), "answered with something that is not JSON"),
        (Reply(200, b"[]"), "answered with JSON that is no object"),
        (Reply(204), "answered 204"),
        (Reply(404), "answered 404"),
        (Reply(500), "answered 500"),
        (Reply(302), "answered 302"),
        (Reply(200, gzip.compress(MANY), {"Content-Encoding": "gzip"}), "compressed its answer"),
        (
            Reply(307, headers={"Location": "http://127.0.0.1:9/keys"}),
            "redirects to another origin",
        ),
        (Reply(307, headers={"Location": "http://[oops/keys"}), "an address that is no URL"),
        (Reply(307, headers={"Location": "?again"}), "redirects more than 3 times"),
    ],
)
def test_an_unusable_response_of_the_issuer_is_rejected(
    issuer: FakeIssuer, verifier: OidcVerifier, path: str, answer: Reply | Cut, said: str
) -> None:
    issuer.always("GET", path, answer)

    text = refused(verifier, token(issuer))

    assert text.startswith("identity could not be checked, so nothing was done: issuer http://")
    assert said in text
    assert path in text


@pytest.mark.parametrize("name", ["https://evil.example", None, "a\u202eb", ["x"]])
def test_a_discovery_document_of_another_issuer_is_rejected(
    issuer: FakeIssuer, verifier: OidcVerifier, name: object
) -> None:
    document = {"issuer": name, "jwks_uri": f"{issuer.issuer}{JWKS}"}
    issuer.always("GET", DISCOVERY, reply(document))

    text = refused(verifier, token(issuer))

    assert "calls itself" in text
    assert "\u202e" not in text
    assert not issuer.seen("GET", JWKS)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://keys.example/keys", "an address without https"),
        ("ftp://127.0.0.1/keys", "an address that is no URL"),
        ("file:///etc/passwd", "an address that is no URL"),
        ("http://user:pass@127.0.0.1/keys", "an address that is no URL"),
        ("http://[oops/keys", "an address that is no URL"),
        ("/keys", "an address that is no URL"),
        (f"https://keys.example/{'k' * 3000}", "does not say where its keys are"),
        (7, "does not say where its keys are"),
        (None, "does not say where its keys are"),
    ],
)
def test_keys_are_fetched_only_from_secure_urls(
    issuer: FakeIssuer, verifier: OidcVerifier, address: object, said: str
) -> None:
    issuer.always("GET", DISCOVERY, reply({"issuer": issuer.issuer, "jwks_uri": address}))

    assert said in refused(verifier, token(issuer))


def test_a_remote_issuer_requires_https() -> None:
    verifier = OidcVerifier((OidcSettings("http://issuer.example"),))

    text = refused(verifier, KEY.sign(claims("http://issuer.example")))

    assert "an address without https" in text


def test_a_redirect_within_the_issuer_is_followed(
    issuer: FakeIssuer, verifier: OidcVerifier
) -> None:
    issuer.script("GET", JWKS, Reply(302, headers={"Location": "/keys?version=2"}))

    assert verifier.claims(token(issuer)).verified
    assert [request.query for request in issuer.seen("GET", JWKS)] == ["", "version=2"]


def test_discovery_uses_the_path_of_the_issuer(issuer: FakeIssuer) -> None:
    url = f"{issuer.issuer}/realms/acme/"
    issuer.always("GET", DISCOVERY, reply({"issuer": url, "jwks_uri": f"{issuer.issuer}{JWKS}"}))
    verifier = OidcVerifier((OidcSettings(url),))

    who = verifier.claims(KEY.sign(claims(url)))

    assert who.id == f"oidc:{url}#alice"
    assert issuer.requests[0].path == f"/realms/acme{DISCOVERY}"
    verifier.close()


def test_nothing_secret_is_sent_to_an_issuer(issuer: FakeIssuer, verifier: OidcVerifier) -> None:
    secret = token(issuer)

    verifier.claims(secret)

    sent = [f"{request.headers} {request.query} {request.body!r}" for request in issuer.requests]
    assert all("authorization" not in text and secret not in text for text in sent)


@pytest.mark.parametrize(
    "made",
    [
        KEY.sign(claims("https://another.example")),
        "garbage",
    ],
)
def test_an_issuer_gets_no_requests_for_tokens_of_others(
    issuer: FakeIssuer, verifier: OidcVerifier, made: str
) -> None:
    refused(verifier, made)

    assert issuer.requests == []


def test_an_issuer_gets_no_requests_for_unverifiable_tokens(
    issuer: FakeIssuer, verifier: OidcVerifier
) -> None:
    from_secret = token(issuer, typ="logout+jwt")

    refused(verifier, from_secret)

    assert issuer.requests == []


def test_an_issuer_that_is_down_does_not_affect_the_others(issuer: FakeIssuer) -> None:
    gone = "http://127.0.0.1:9"
    verifier = OidcVerifier((OidcSettings(gone), OidcSettings(issuer.issuer)))

    text = refused(verifier, KEY.sign(claims(gone)))

    assert f"issuer {gone} cannot be reached" in text
    assert verifier.claims(token(issuer)).verified
    verifier.close()


@pytest.fixture
def secure(certificate: Path) -> Iterator[FakeIssuer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with FakeIssuer(KEY, tls=context) as running:
        yield running


def test_an_issuer_with_an_untrusted_certificate_is_rejected(secure: FakeIssuer) -> None:
    verifier = OidcVerifier((OidcSettings(secure.issuer),))

    assert "has a certificate that is not trusted" in refused(verifier, token(secure))
    assert secure.requests == []
    verifier.close()


def test_a_given_client_is_used_and_not_closed(secure: FakeIssuer, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(verify=trusting, follow_redirects=True, auth=("alice", "s3cret")) as client:
        verifier = OidcVerifier((OidcSettings(secure.issuer),), client=client)
        who = verifier.claims(token(secure))
        verifier.close()
        left_open = not client.is_closed

    assert who.verified
    assert left_open
    assert all("authorization" not in request.headers for request in secure.requests)


def test_keys_of_an_https_issuer_require_https(secure: FakeIssuer, certificate: Path) -> None:
    address = f"http://{secure.host}{JWKS}"
    secure.always("GET", DISCOVERY, reply({"issuer": secure.issuer, "jwks_uri": address}))
    trusting = ssl.create_default_context(cafile=str(certificate))

    with httpx.Client(verify=trusting) as client:
        text = refused(OidcVerifier((OidcSettings(secure.issuer),), client=client), token(secure))

    assert "an address without https" in text


def test_two_operator_claims_for_one_issuer_are_rejected() -> None:
    url = "https://issuer.example"

    with pytest.raises(ConfigError, match="by 'sub' and by 'preferred_username': choose one"):
        OidcVerifier(
            (
                OidcSettings(url, "floe"),
                OidcSettings(url, "floe-web", operator_claim="email"),
                OidcSettings(url, "floe-ci", operator_claim="preferred_username"),
            )
        )
