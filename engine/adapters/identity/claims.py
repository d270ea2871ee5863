"""Turns the payload of a verified token into the claims of a person or job."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.domain.admission import Admission
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource
from engine.domain.text import printable

_MAX_SUBJECT = 1000
# Plain addresses only. Without a colon none can look like a qualified id (`oidc:…`).
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """
    One entry of `identity.oidc`, or `web.auth`; `setting` is its name in manifest.yaml.

    `operator_claim` is `sub`, `email`, or another claim that the issuer keeps unique, used instead
    of the subject. `groups_separator` splits a `groups_claim` that is text.
    """

    issuer: str
    audience: str = "floe"
    operator_claim: str = "sub"
    groups_claim: str = "groups"
    groups_separator: str | None = None
    admission: Admission = field(default_factory=Admission)
    setting: str = "identity.oidc"

    @property
    def subject_claim(self) -> str:
        """The claim for `oidc:<issuer>#<subject>`; an e-mail address is a name, not an id."""
        return "sub" if self.operator_claim == "email" else self.operator_claim


def claims_of(payload: Mapping[str, object], settings: OidcSettings) -> Claims:
    """
    The claims in `payload`, which was verified for `settings`.

    AuthorizationError if `settings` do not admit the token, or if it lacks the claim that names
    the operator.
    """
    email = _verified_email(payload)
    refusal = settings.admission.explain_refusal(payload, email)
    if refusal is not None:
        raise AuthorizationError(
            f"{settings.setting} does not admit this token of {settings.issuer}: {refusal}"
        )
    if settings.operator_claim == "email" and email is None:
        raise AuthorizationError(
            f"the OIDC token from {settings.issuer} has no e-mail address that the issuer "
            f"verified, by which {settings.setting} names operators: {_describe_email(payload)}"
        )
    return Claims(
        id=f"oidc:{settings.issuer}#{_subject(payload, settings)}",
        source=IdentitySource.OIDC,
        verified=True,
        verified_names=(email,) if email else (),
        groups=_groups(payload, settings),
    )


def _verified_email(payload: Mapping[str, object]) -> str | None:
    """
    The address if the issuer verified it; people can enter any address in their profile. Some
    issuers (Amazon Cognito, JumpCloud) send `true` as text.
    """
    email, verified = payload.get("email"), payload.get("email_verified")
    if not (verified is True or verified == "true") or not isinstance(email, str):
        return None
    return email if len(email) <= 254 and _EMAIL.fullmatch(email) else None


def _describe_email(payload: Mapping[str, object]) -> str:
    """The reason why `payload` has no verified address, with the fix."""
    if "email" not in payload:
        return "it has no claim email; ask the issuer for the scope email"
    if "email_verified" not in payload:
        return "it has no claim email_verified; have the issuer send email_verified: true"
    seen = printable(json.dumps(payload["email_verified"], ensure_ascii=False))[:50]
    if seen not in ("true", '"true"'):
        return f"its claim email_verified is {seen}, and only true counts"
    return "its claim email is not a plain e-mail address"


def _subject(payload: Mapping[str, object], settings: OidcSettings) -> str:
    subject = payload.get(settings.subject_claim)
    if isinstance(subject, str) and 0 < len(subject) <= _MAX_SUBJECT and subject.isprintable():
        return subject
    raise AuthorizationError(
        f"the OIDC token from {settings.issuer} has no usable claim '{settings.subject_claim}', "
        f"which names the operator: text of at most {_MAX_SUBJECT} printable characters is needed"
    )


def _groups(payload: Mapping[str, object], settings: OidcSettings) -> frozenset[str]:
    """The groups; none without the claim. A claim of a wrong type is an error."""
    claim = payload.get(settings.groups_claim, [])
    if isinstance(claim, str):
        separator = settings.groups_separator
        claim = [claim] if separator is None else claim.split(separator)
    if isinstance(claim, list) and all(isinstance(group, str) for group in claim):
        return frozenset(filter(None, (group.strip() for group in claim)))
    raise AuthorizationError(
        f"the OIDC token from {settings.issuer} has a claim '{settings.groups_claim}' that is not "
        "a list of names: have the issuer send a list of strings, or one string"
    )
