"""From a token's verified claims to who it speaks of (spec 9)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.domain.errors import AuthorizationError
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource

_MAX_SUBJECT = 1000
# Ordinary addresses only. Without a colon none can be spelt like a qualified id (`oidc:…`).
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_SEPARATORS = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """
    One entry of `identity.oidc`.

    `operator_claim` is `sub`, `email`, or another claim the issuer keeps unique, which then stands
    in the place of the subject.
    """

    issuer: str
    audience: str = "floe"
    operator_claim: str = "sub"
    groups_claim: str = "groups"

    @property
    def subject_claim(self) -> str:
        """The claim behind `#` in `oidc:<issuer>#<subject>`; an e-mail is a name, not an id."""
        return "sub" if self.operator_claim == "email" else self.operator_claim


def claims_of(payload: Mapping[str, object], settings: OidcSettings) -> Claims:
    """
    The claims of a token that has been verified for `settings`; AuthorizationError if it does not
    say who it speaks of in the way they ask for.
    """
    email = _verified_email(payload)
    if settings.operator_claim == "email" and email is None:
        raise AuthorizationError(
            f"the OIDC token from {settings.issuer} has no e-mail address that the issuer verified "
            "(claims email and email_verified: true), by which identity.oidc names operators: "
            "ask the issuer for the scope email"
        )
    return Claims(
        id=f"oidc:{settings.issuer}#{_subject(payload, settings)}",
        source=IdentitySource.OIDC,
        verified=True,
        vouched=(email,) if email else (),
        groups=_groups(payload, settings),
    )


def _verified_email(payload: Mapping[str, object]) -> str | None:
    """Only `true` counts: without it people may type any address into their profile."""
    email = payload.get("email")
    if payload.get("email_verified") is not True or not isinstance(email, str):
        return None
    return email if len(email) <= 254 and _EMAIL.fullmatch(email) else None


def _subject(payload: Mapping[str, object], settings: OidcSettings) -> str:
    subject = payload.get(settings.subject_claim)
    if isinstance(subject, str) and 0 < len(subject) <= _MAX_SUBJECT and subject.isprintable():
        return subject
    raise AuthorizationError(
        f"the OIDC token from {settings.issuer} has no usable claim '{settings.subject_claim}', "
        f"which names the operator: text of at most {_MAX_SUBJECT} printable characters is needed"
    )


def _groups(payload: Mapping[str, object], settings: OidcSettings) -> frozenset[str]:
    """No claim, no groups. A claim of another shape is refused: it may mean less than nothing."""
    claim = payload.get(settings.groups_claim, [])
    if isinstance(claim, str):
        return frozenset(filter(None, _SEPARATORS.split(claim)))
    if isinstance(claim, list) and all(isinstance(group, str) for group in claim):
        return frozenset(claim)
    raise AuthorizationError(
        f"the OIDC token from {settings.issuer} has a claim '{settings.groups_claim}' that is no "
        "list of names: have the issuer send a list, or one string with spaces or commas between"
    )
