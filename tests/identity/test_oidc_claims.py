"""Names and groups in the claims of a verified token."""

from typing import Any

import pytest

from engine.adapters.identity.claims import OidcSettings, claims_of
from engine.domain.errors import AuthorizationError
from tests.peers.signing import claims

pytestmark = pytest.mark.requirement("FR-045")

ISSUER = "https://issuer.example"
SETTINGS = OidcSettings(ISSUER)


def claims_with(**changed: Any) -> dict[str, Any]:
    return claims(ISSUER, **changed)


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        (None, set()),
        ([], set()),
        ("", set()),
        (["sre", "platform admins"], {"sre", "platform admins"}),
        (["  sre ", "", " "], {"sre"}),
        (["sre, admins"], {"sre, admins"}),
        ("sre", {"sre"}),
        ("Site admins", {"Site admins"}),
        (" Release Managers\t", {"Release Managers"}),
        ("sre, admins", {"sre, admins"}),
        ("  ", set()),
    ],
)
def test_a_groups_claim_that_is_text_is_one_group(claim: object, groups: set[str]) -> None:
    who = claims_of(claims_with(groups=claim), SETTINGS)

    assert who.groups == groups


@pytest.mark.parametrize(
    ("separator", "claim", "groups"),
    [
        (",", "sre, Site admins,,ops ", {"sre", "Site admins", "ops"}),
        (" ", "sre admins,ops", {"sre", "admins,ops"}),
        (";", "sre, admins", {"sre, admins"}),
        (",", ["sre, admins"], {"sre, admins"}),
    ],
)
def test_only_a_configured_separator_splits_groups(
    separator: str, claim: object, groups: set[str]
) -> None:
    settings = OidcSettings(ISSUER, groups_separator=separator)

    assert claims_of(claims_with(groups=claim), settings).groups == groups


@pytest.mark.parametrize("claim", [7, True, {"sre": 1}, ["sre", 7], [["sre"]], [None]])
def test_groups_claim_of_a_wrong_type_is_rejected(claim: object) -> None:
    with pytest.raises(AuthorizationError, match="a claim 'groups' that is not a list of names"):
        claims_of(claims_with(groups=claim), SETTINGS)


def test_groups_claim_null_is_rejected() -> None:
    with pytest.raises(AuthorizationError, match="a claim 'groups' that is not a list of names"):
        claims_of({**claims_with(), "groups": None}, SETTINGS)


def test_groups_are_read_from_the_configured_claim() -> None:
    settings = OidcSettings(ISSUER, groups_claim="https://acme.com/roles")
    payload = claims_with(groups=["no"]) | {"https://acme.com/roles": ["yes"]}

    assert claims_of(payload, settings).groups == {"yes"}


@pytest.mark.parametrize(
    ("verified", "seen"),
    [
        (None, "it has no claim email_verified"),
        (False, "its claim email_verified is false, and only true counts"),
        ("false", 'its claim email_verified is "false", and only true counts'),
        ("True", 'its claim email_verified is "True", and only true counts'),
        ("true ", 'its claim email_verified is "true ", and only true counts'),
        (1, "its claim email_verified is 1, and only true counts"),
        (["true"], 'its claim email_verified is ["true"], and only true counts'),
    ],
)
def test_only_verified_addresses_are_vouched_for(verified: object, seen: str) -> None:
    payload = claims_with(email="alice@acme.com", email_verified=verified)

    assert claims_of(payload, SETTINGS).verified_names == ()
    with pytest.raises(AuthorizationError) as refused:
        claims_of(payload, OidcSettings(ISSUER, operator_claim="email"))
    assert seen in str(refused.value)


@pytest.mark.parametrize("verified", [True, "true"])
def test_email_verified_may_be_text(verified: object) -> None:
    payload = claims_with(email="alice@acme.com", email_verified=verified)

    assert claims_of(payload, SETTINGS).verified_names == ("alice@acme.com",)


@pytest.mark.parametrize(
    "email",
    [
        "alice",
        "",
        7,
        ["alice@acme.com"],
        "alice@acme.com, bob@acme.com",
        " alice@acme.com",
        "alice@acme.com\n",
        "oidc:https://issuer.example#bob@acme.com",
        "os:root@acme.com",
        "аlice@acme.com",
        f"{'a' * 250}@acme.com",
    ],
)
def test_unusual_addresses_are_not_used_as_names(email: object) -> None:
    payload = claims_with(email=email, email_verified=True)

    assert claims_of(payload, SETTINGS).verified_names == ()


def test_another_claim_can_replace_the_subject() -> None:
    settings = OidcSettings(ISSUER, operator_claim="repository")
    payload = claims_with(sub="repo:acme/app:ref:refs/heads/main", repository="acme/app")

    who = claims_of(payload, settings)

    assert who.id == f"oidc:{ISSUER}#acme/app"
    assert who.verified_names == ()


def test_a_token_without_the_operator_claim_is_rejected() -> None:
    settings = OidcSettings(ISSUER, operator_claim="repository")

    with pytest.raises(AuthorizationError, match="no usable claim 'repository'"):
        claims_of(claims_with(), settings)
