"""People and workloads sign in with tokens of a real OpenID provider."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.identity import OidcSettings, OidcVerifier
from engine.domain.admission import Admission
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource
from tests.peers.oidc_provider import OidcProvider, oidc_provider
from tests.peers.signing import SigningKey

pytestmark = pytest.mark.requirement("FR-045")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("oidc")) as running:
        yield running


def claims(token: str, *settings: OidcSettings) -> Claims:
    verifier = OidcVerifier(settings)
    try:
        return verifier.claims(token)
    finally:
        verifier.close()


def test_a_person_signs_in_with_an_id_token(provider: OidcProvider) -> None:
    token = provider.id_token("alice")

    who = claims(token, OidcSettings(provider.issuer))

    assert who == Claims(
        id=f"oidc:{provider.issuer}#alice",
        source=IdentitySource.OIDC,
        verified=True,
        verified_names=("alice@acme.com",),
        groups=frozenset({"platform-admins", "release-managers"}),
    )


def test_a_workload_signs_in_with_its_access_token(provider: OidcProvider) -> None:
    token = provider.access_token("floe")

    who = claims(f"{token}\n", OidcSettings(provider.issuer))

    assert who == Claims(f"oidc:{provider.issuer}#pipeline", IdentitySource.OIDC, True)


def test_an_unverified_address_is_not_used_as_a_name(provider: OidcProvider) -> None:
    token = provider.id_token("mallory")

    who = claims(token, OidcSettings(provider.issuer))

    assert who.id == f"oidc:{provider.issuer}#mallory"
    assert who.verified_names == ()


@pytest.mark.parametrize(("user", "scope"), [("mallory", "openid email"), ("alice", "openid")])
def test_operator_claim_email_requires_a_verified_address(
    provider: OidcProvider, user: str, scope: str
) -> None:
    token = provider.id_token(user, scope)

    with pytest.raises(AuthorizationError, match="no e-mail address that the issuer verified"):
        claims(token, OidcSettings(provider.issuer, operator_claim="email"))


def test_the_id_of_a_person_does_not_depend_on_the_operator_claim(
    provider: OidcProvider,
) -> None:
    token = provider.id_token("alice")

    by_subject = claims(token, OidcSettings(provider.issuer))
    by_address = claims(token, OidcSettings(provider.issuer, operator_claim="email"))

    assert by_subject == by_address


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_all_signature_algorithms_of_the_provider_are_accepted(
    tmp_path: Path, algorithm: str
) -> None:
    with oidc_provider(tmp_path, SigningKey.new(algorithm)) as provider:
        token = provider.id_token("bob")

        who = claims(token, OidcSettings(provider.issuer))

    assert who.verified_names == ("bob@acme.com",)


def test_a_token_for_another_client_is_refused(provider: OidcProvider) -> None:
    token = provider.access_token("grafana")

    with pytest.raises(AuthorizationError, match="is meant for 'grafana': .* audience 'floe'"):
        claims(token, OidcSettings(provider.issuer))


def test_the_entry_with_the_audience_of_the_token_applies(
    provider: OidcProvider,
) -> None:
    people = OidcSettings(provider.issuer, "floe", groups_claim="groups")
    jobs = OidcSettings(provider.issuer, "floe-jobs", groups_claim="roles")

    person = claims(provider.id_token("bob"), jobs, people)
    job = claims(provider.access_token("floe-jobs"), people, jobs)

    assert person.groups == {"developers"}
    assert job.groups == frozenset()


def test_a_token_not_admitted_by_one_entry_is_checked_by_the_next(
    provider: OidcProvider,
) -> None:
    robots = OidcSettings(provider.issuer, admission=Admission(("pipeline",)))
    people = OidcSettings(provider.issuer, admission=Admission(domains=("acme.com",)))

    person = claims(provider.id_token("bob"), robots, people)
    robot = claims(provider.access_token("floe"), robots, people)

    assert person.verified_names == ("bob@acme.com",)
    assert robot.id == f"oidc:{provider.issuer}#pipeline"
    with pytest.raises(AuthorizationError, match="identity.oidc does not admit this token"):
        claims(provider.id_token("mallory"), robots, people)


def test_keys_are_updated_after_a_rotation(tmp_path: Path) -> None:
    now = [1000.0]
    first, second = SigningKey.new("RS256", "key-1"), SigningKey.new("RS256", "key-2")
    with oidc_provider(tmp_path, first) as provider:
        verifier = OidcVerifier((OidcSettings(provider.issuer),), clock=lambda: now[0])
        old = provider.id_token("alice")
        verifier.claims(old)
    port = int(provider.issuer.rpartition(":")[2])

    with oidc_provider(tmp_path, second, port=port) as rotated:
        now[0] += 61
        who = verifier.claims(rotated.id_token("alice"))

    assert who.id == f"oidc:{provider.issuer}#alice"
    with pytest.raises(AuthorizationError, match="not signed by a key that this issuer publishes"):
        verifier.claims(old)
    verifier.close()


def test_many_threads_share_one_verifier(provider: OidcProvider) -> None:
    verifier = OidcVerifier((OidcSettings(provider.issuer),))
    token = provider.id_token("alice")
    found: list[Claims] = []
    threads = [
        threading.Thread(target=lambda: found.append(verifier.claims(token))) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [who.id for who in found] == [f"oidc:{provider.issuer}#alice"] * 8
    verifier.close()
