"""The keys of an issuer: which verify a token, and how long they are cached."""

import threading
from collections.abc import Iterator

import pytest

from engine.adapters.identity import OidcSettings, OidcVerifier
from tests.identity.oidc import KEY, ManualClock, refused, token
from tests.peers.fake_http import Reply
from tests.peers.fake_issuer import DISCOVERY, JWKS, FakeIssuer, reply
from tests.peers.signing import SigningKey

pytestmark = pytest.mark.requirement("FR-045")

NEW_KEY = SigningKey.new("ES256", "key-2")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer(KEY) as running:
        yield running


@pytest.fixture
def verifier(issuer: FakeIssuer, clock: ManualClock) -> Iterator[OidcVerifier]:
    verifier = OidcVerifier((OidcSettings(issuer.issuer),), timeout_seconds=2, clock=clock)
    yield verifier
    verifier.close()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"keys": {}}, "publishes no key set"),
        ({}, "publishes no key set"),
        ({"keys": []}, "publishes no key that can verify a signature"),
        ({"keys": [None, 7, "key", {}]}, "publishes no key that can verify"),
        ({"keys": [KEY.jwk(use="enc")]}, "publishes no key that can verify"),
        ({"keys": [KEY.jwk(key_ops=["encrypt"])]}, "publishes no key that can verify"),
        ({"keys": [KEY.jwk(alg="HS256")]}, "publishes no key that can verify"),
        ({"keys": [KEY.jwk(alg="ES384")]}, "publishes no key that can verify"),
        ({"keys": [KEY.jwk(crv="P-257")]}, "publishes no key that can verify"),
        ({"keys": [KEY.jwk(crv=["P-256"])]}, "publishes no key that can verify"),
        ({"keys": [KEY.jwk(x=None)]}, "publishes no key that can verify"),
        ({"keys": [{"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}]}, "publishes no key that can"),
        ({"keys": [KEY.jwk(x="AAAA")]}, "is not signed by a key that this issuer publishes"),
        ({"keys": [KEY.jwk(y="!!")]}, "is not signed by a key that this issuer publishes"),
    ],
)
def test_unusable_key_sets_are_rejected(
    issuer: FakeIssuer, verifier: OidcVerifier, document: object, said: str
) -> None:
    issuer.jwks = document

    assert said in refused(verifier, token(issuer))


def test_only_the_public_part_of_a_published_private_key_is_used(
    issuer: FakeIssuer, verifier: OidcVerifier
) -> None:
    issuer.jwks = {"keys": [KEY.private_jwk()]}

    assert verifier.claims(token(issuer)).verified


def test_a_key_that_is_too_short_is_rejected(issuer: FakeIssuer, verifier: OidcVerifier) -> None:
    small = SigningKey.new("RS256", bits=1024)
    issuer.publish(small)

    with pytest.warns(UserWarning, match="1024 bits"):
        made = token(issuer, small)

    assert "is not signed by a key that this issuer publishes" in refused(verifier, made)


@pytest.mark.parametrize("algorithm", ["ES384", "ES512", "PS512", "RS384"])
def test_a_key_without_alg_allows_the_algorithms_of_its_type(
    issuer: FakeIssuer, verifier: OidcVerifier, algorithm: str
) -> None:
    key = SigningKey.new(algorithm)
    issuer.jwks = {"keys": [key.jwk(alg=None, use=None)]}

    assert verifier.claims(token(issuer, key)).verified


def test_two_keys_with_one_id_are_both_tried(issuer: FakeIssuer, verifier: OidcVerifier) -> None:
    twin = SigningKey.new("ES256", KEY.id)
    issuer.publish(twin, SigningKey.new("EdDSA", KEY.id), KEY)

    assert verifier.claims(token(issuer)).verified


def test_the_key_id_is_optional_with_one_key(issuer: FakeIssuer, verifier: OidcVerifier) -> None:
    assert verifier.claims(token(issuer, kid=None)).verified


def test_the_key_id_is_required_with_two_keys(issuer: FakeIssuer, verifier: OidcVerifier) -> None:
    issuer.publish(KEY, NEW_KEY)

    text = refused(verifier, token(issuer, kid=None))

    assert "is not signed by a key that this issuer publishes" in text


def test_keys_are_cached_for_an_hour(
    issuer: FakeIssuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    verifier.claims(token(issuer))
    clock.seconds += 3599
    verifier.claims(token(issuer))
    asked_within_the_hour = len(issuer.seen("GET", JWKS))
    clock.seconds += 1

    verifier.claims(token(issuer))

    assert asked_within_the_hour == 1
    assert len(issuer.seen("GET", JWKS)) == 2


def test_a_withdrawn_key_is_rejected_after_an_hour(
    issuer: FakeIssuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    verifier.claims(token(issuer))
    issuer.publish(NEW_KEY)
    clock.seconds += 3600

    assert "not signed by a key that this issuer publishes" in refused(verifier, token(issuer))


def test_unknown_key_ids_cause_one_request_per_minute(
    issuer: FakeIssuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    verifier.claims(token(issuer))
    for number in range(20):
        clock.seconds += 10
        refused(verifier, token(issuer, kid=f"made-up-{number}"))

    assert len(issuer.seen("GET", JWKS)) == 1 + 3


def test_a_new_key_is_accepted_beside_the_old_one(
    issuer: FakeIssuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    verifier.claims(token(issuer))
    issuer.publish(KEY, NEW_KEY)
    clock.seconds += 60

    assert verifier.claims(token(issuer, NEW_KEY)).verified
    assert verifier.claims(token(issuer)).verified
    assert len(issuer.seen("GET", JWKS)) == 2


def test_cached_keys_are_used_while_the_issuer_is_down(
    issuer: FakeIssuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    verifier.claims(token(issuer))
    issuer.always("GET", JWKS, Reply(503))
    clock.seconds += 60

    assert "could not be checked" in refused(verifier, token(issuer, NEW_KEY))
    assert verifier.claims(token(issuer)).verified


def test_a_failure_is_cached_for_a_few_seconds(
    issuer: FakeIssuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    issuer.script("GET", DISCOVERY, Reply(503))
    first = refused(verifier, token(issuer))
    clock.seconds += 4
    second = refused(verifier, token(issuer))
    clock.seconds += 1

    assert verifier.claims(token(issuer)).verified
    assert first == second
    assert len(issuer.seen("GET", DISCOVERY)) == 2


def test_concurrent_sign_ins_share_one_request(issuer: FakeIssuer, verifier: OidcVerifier) -> None:
    issuer.script("GET", JWKS, Reply(200, reply(issuer.jwks).body, delay_seconds=0.3))
    made = token(issuer)
    threads = [threading.Thread(target=verifier.claims, args=(made,)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(issuer.seen("GET", JWKS)) == 1
