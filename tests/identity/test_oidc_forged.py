"""Invalid and forged tokens are rejected."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine.adapters.identity import OidcSettings, OidcVerifier
from engine.domain.errors import AuthorizationError
from tests.peers.oidc_provider import OidcProvider, oidc_provider
from tests.peers.signing import SigningKey, claims, forged

pytestmark = pytest.mark.requirement("FR-045")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("oidc")) as running:
        yield running


@pytest.fixture(scope="module")
def verifier(provider: OidcProvider) -> Iterator[OidcVerifier]:
    verifier = OidcVerifier((OidcSettings(provider.issuer),))
    yield verifier
    verifier.close()


def refusal(verifier: OidcVerifier, token: str) -> str:
    """The one sentence `token` is refused with, which never shows it."""
    with pytest.raises(AuthorizationError) as caught:
        verifier.claims(token)
    text = str(caught.value)
    assert "\n" not in text
    assert token not in text
    assert len(text) < 600
    return text


def test_a_token_signed_with_the_key_of_the_issuer_is_accepted(
    provider: OidcProvider, verifier: OidcVerifier
) -> None:
    """Else the refusals below would show nothing."""
    token = provider.key.sign(claims(provider.issuer))

    assert verifier.claims(token).id == f"oidc:{provider.issuer}#alice"


@pytest.mark.parametrize("seconds", [-30, 30])
def test_clocks_may_differ_by_less_than_a_minute(
    provider: OidcProvider, verifier: OidcVerifier, seconds: int
) -> None:
    moment = int(time.time()) + seconds
    changed = {"exp": moment} if seconds < 0 else {"iat": moment, "nbf": moment}
    token = provider.key.sign(claims(provider.issuer, **changed))

    assert verifier.claims(token).verified


def in_seconds(seconds: int) -> int:
    return int(time.time()) + seconds


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"exp": in_seconds(-3600)}, "expired at 20.. UTC: get a new one"),
        ({"exp": -(10**30)}, "expired: get a new one"),
        ({"exp": None}, "lacks the claim 'exp'"),
        ({"exp": "soon"}, "a claim of the wrong type"),
        ({"exp": float("inf")}, "a claim of the wrong type"),
        ({"nbf": in_seconds(3600)}, "is not valid yet: compare the clock"),
        ({"iat": in_seconds(3600)}, "is not valid yet: compare the clock"),
        ({"iat": None}, "lacks the claim 'iat'"),
        ({"aud": "grafana"}, "is meant for 'grafana': get one for the audience 'floe'"),
        ({"aud": ["grafana", "vault"]}, "is meant for 'grafana', 'vault': get one for"),
        ({"aud": "a\x1b[2Jb"}, r"is meant for 'a\x1b[2Jb'"),
        ({"aud": ["floe", 7]}, "get one for the audience 'floe'"),
        ({"aud": {"floe": True}}, "get one for the audience 'floe'"),
        ({"aud": None}, "lacks the claim 'aud'"),
        ({"aud": []}, "lacks the claim 'aud'"),
        ({"sub": None}, "lacks the claim 'sub'"),
        ({"sub": ""}, "no usable claim 'sub'"),
        ({"sub": 7}, "a claim of the wrong type"),
        ({"sub": "a\u202eb"}, "no usable claim 'sub'"),
        ({"sub": "a" * 1001}, "no usable claim 'sub'"),
        ({"groups": {"platform-admins": True}}, "a claim 'groups' that is not a list of names"),
    ],
)
def test_invalid_claims_with_a_valid_signature_are_rejected(
    provider: OidcProvider, verifier: OidcVerifier, changed: dict[str, Any], said: str
) -> None:
    token = provider.key.sign(claims(provider.issuer, **changed))

    text = refusal(verifier, token)

    before, _, after = said.partition("..")
    assert before in text
    assert after in text
    assert provider.issuer in text


@pytest.mark.parametrize("aud", ["floe", ["floe"], ["grafana", "floe"]])
def test_audience_may_be_a_string_or_a_list(
    provider: OidcProvider, verifier: OidcVerifier, aud: object
) -> None:
    token = provider.key.sign(claims(provider.issuer, aud=aud))

    assert verifier.claims(token).verified


@pytest.mark.parametrize("iss", ["https://evil.example", "", 7, None, {"a": "b"}, "x" * 9000])
def test_an_unknown_issuer_error_lists_the_trusted_ones(
    provider: OidcProvider, verifier: OidcVerifier, iss: object
) -> None:
    payload = claims(provider.issuer) | {"iss": iss}
    token = forged({"alg": "RS256", "kid": provider.key.id}, payload, lambda _: b"signature")

    text = refusal(verifier, token)

    assert "which identity.oidc does not trust" in text
    assert provider.issuer in text


def test_issuers_that_differ_by_a_slash_are_different(
    provider: OidcProvider, verifier: OidcVerifier
) -> None:
    token = provider.key.sign(claims(f"{provider.issuer}/"))

    assert "does not trust" in refusal(verifier, token)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_signature_by_a_foreign_key_is_rejected(
    provider: OidcProvider, verifier: OidcVerifier, algorithm: str
) -> None:
    stranger = SigningKey.new(algorithm, provider.key.id)
    token = stranger.sign(claims(provider.issuer))

    assert "not signed by a key that this issuer publishes" in refusal(verifier, token)


def test_an_unknown_key_id_is_rejected(provider: OidcProvider, verifier: OidcVerifier) -> None:
    token = provider.key.sign(claims(provider.issuer), kid="another")

    assert "not signed by a key that this issuer publishes" in refusal(verifier, token)


def test_a_key_in_the_token_header_is_ignored(
    provider: OidcProvider, verifier: OidcVerifier
) -> None:
    own = SigningKey.new("RS256", provider.key.id)
    token = own.sign(claims(provider.issuer), jwk=own.jwk(), jku="https://evil.example/keys")

    assert "not signed by a key that this issuer publishes" in refusal(verifier, token)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_a_token_without_a_signature_is_rejected(
    provider: OidcProvider, verifier: OidcVerifier, algorithm: str | None
) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": provider.key.id}
    token = forged(header, claims(provider.issuer), lambda _: b"")

    assert "not signed with a public-key algorithm" in refusal(verifier, token)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_not_accepted_as_an_hmac_secret(
    provider: OidcProvider, verifier: OidcVerifier, algorithm: str
) -> None:
    def sign(content: bytes) -> bytes:
        return hmac.digest(provider.key.pem(), content, algorithm.replace("HS", "sha"))

    header = {"alg": algorithm, "typ": "JWT", "kid": provider.key.id}
    token = forged(header, claims(provider.issuer), sign)

    assert "not signed with a public-key algorithm" in refusal(verifier, token)


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
def test_a_key_is_used_only_with_its_published_algorithm(
    provider: OidcProvider, verifier: OidcVerifier, algorithm: str
) -> None:
    token = provider.key.sign(claims(provider.issuer), alg=algorithm)

    assert "not signed by a key that this issuer publishes" in refusal(verifier, token)


def test_claims_changed_after_signing_are_rejected(
    provider: OidcProvider, verifier: OidcVerifier
) -> None:
    head, _, signature = provider.key.sign(claims(provider.issuer)).split(".")
    _, body, _ = forged({}, claims(provider.issuer, sub="admin"), hash_of).split(".")

    text = refusal(verifier, f"{head}.{body}.{signature}")

    assert "not signed by a key that this issuer publishes" in text


def hash_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", 7])
def test_a_token_of_another_type_is_rejected(
    provider: OidcProvider, verifier: OidcVerifier, kind: object
) -> None:
    token = provider.key.sign(claims(provider.issuer), typ=kind)

    assert "is not for signing in" in refusal(verifier, token)


def test_a_huge_token_is_rejected_without_parsing(
    provider: OidcProvider, verifier: OidcVerifier
) -> None:
    token = provider.key.sign(claims(provider.issuer, groups=["g" * 100] * 200))

    assert "has more than 16 KiB" in refusal(verifier, token)


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "a.b",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        "\udcff.\udcff.\udcff",
        "éé.éé.éé",
        "bm90LWpzb24.e30.c2ln",
        f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.e30.c2ln",
        forged({"alg": "RS256"}, {"iss": "x"}, hash_of).replace(".", " "),
        forged({"alg": "RS256", "kid": 7}, {"iss": "x"}, hash_of),
        forged({"alg": "RS256", "crit": ["floe"], "floe": 1}, {"iss": "x"}, hash_of),
        forged({"alg": "RS256", "b64": False, "crit": ["b64"]}, {"iss": "x"}, hash_of),
    ],
)
def test_text_that_is_not_a_token_is_rejected(verifier: OidcVerifier, token: str) -> None:
    assert "is not a signed JSON Web Token" in refusal(verifier, token)


def test_without_configured_issuers_tokens_are_rejected(provider: OidcProvider) -> None:
    token = provider.id_token("alice")

    assert "a trusted issuer (none)" in refusal(OidcVerifier(()), token)


def test_an_empty_token_is_rejected(verifier: OidcVerifier) -> None:
    with pytest.raises(AuthorizationError, match="is not a signed JSON Web Token"):
        verifier.claims(" \n")
