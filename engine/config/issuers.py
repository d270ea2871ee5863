"""The sections of OpenID issuers: for the command line and for sign-in on the page."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from engine.config.environment_variables import Credential, FromVariable
from engine.config.field_types import AtLeastOne, Given, IssuerUrl, Section, Text
from engine.domain.admission import Admission, ClaimValue, check_subject_pattern

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)


def _domain(value: str) -> str:
    domain = value.casefold()
    if not _DOMAIN.fullmatch(domain):
        raise ValueError("must be the domain of an e-mail address, like acme.com")
    return domain


def _separator(value: str) -> str:
    # White space can be a separator, so the type is not Text.
    if not value:
        raise ValueError("must not be empty")
    return value


def _claim_values(value: object) -> object:
    """Parse a value or a list of values."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("is empty: name at least one value")
    if not all(isinstance(each, str | int) and each != "" for each in values):
        raise ValueError("must be text, a whole number, true or false, or a list of these")
    return tuple(values)


def _claims(value: dict[str, tuple[ClaimValue, ...]]) -> dict[str, tuple[ClaimValue, ...]]:
    if not value:
        raise ValueError("is empty: name at least one claim")
    return value


Separator = Annotated[str, AfterValidator(_separator), Field(json_schema_extra={"minLength": 1})]
SubjectPattern = Annotated[Text, AfterValidator(check_subject_pattern)]
Domain = Annotated[str, AfterValidator(_domain)]
_Value = Annotated[str, Strict()] | Annotated[int, Strict()] | Annotated[bool, Strict()]
ClaimValues = Annotated[
    tuple[_Value, ...],
    BeforeValidator(_claim_values, json_schema_input_type=_Value | list[_Value]),
]


class IssuerRules(Section):
    """An OpenID issuer, and the rules for its tokens. A token must meet all rules."""

    issuer: IssuerUrl = Field(
        description="the iss of its tokens; floe discovers the rest",
        examples=["https://token.actions.githubusercontent.com"],
    )
    subjects: Given[AtLeastOne[SubjectPattern]] = Field(
        default=None,
        description="patterns for the claim sub: * within a part, ** for everything below",
        examples=[["repo:acme/platform:**"]],
    )
    claims: Given[Annotated[dict[Text, ClaimValues], AfterValidator(_claims)]] = Field(
        default=None,
        description="claims and the values each may have",
        examples=[{"repository_owner": "acme"}],
    )
    allowed_domains: Given[AtLeastOne[Domain]] = Field(
        default=None,
        description="the domains that a verified e-mail address may have",
        examples=[["acme.com"]],
    )
    groups_claim: Text = Field(default="groups", description="the claim that lists the groups")
    groups_separator: Given[Separator] = Field(
        default=None,
        description="splits a groups_claim that is a string; without it, a string is one group",
        examples=[","],
    )

    @property
    def unrestricted(self) -> bool:
        return self.subjects is None and self.claims is None and self.allowed_domains is None

    @property
    def admission(self) -> Admission:
        return Admission(self.subjects or (), self.claims or {}, self.allowed_domains or ())


class OidcIssuer(IssuerRules):
    """An issuer of tokens for the command line (`floe login` and FLOE_ID_TOKEN)."""

    audience: Text = Field(
        default="floe",
        description="the aud a token must be meant for; the client id of `floe login`",
    )
    operator_claim: Text = Field(default="sub", description="the claim that names the operator")


class OidcSignIn(IssuerRules):
    """Sign-in on the page with an OpenID provider."""

    mode: Literal["oidc"]
    client_id: Text = Field(description="the client id of floe at the provider")
    client_secret: Given[Credential] = Field(
        default=None, description="from the environment", examples=["${OIDC_CLIENT_SECRET}"]
    )
    client_secret_env: Given[FromVariable] = Field(
        default=None,
        description="the environment variable with the secret",
        examples=["OIDC_CLIENT_SECRET"],
    )
    operator_claim: Text = Field(default="email", description="the claim that names the person")
