"""From a token's verified claims to who it speaks of."""

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
# Ordinary addresses only. Without a colon none can be spelt like a qualified id (`oidc:…`).
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """
    One entry of `identity.oidc`, or `web.auth`; `setting` says which.

    `operator_claim` is `sub`, `email`, or another claim the issuer keeps unique, which then stands
    in the place of the subject. `groups_separator` splits a `groups_claim` that is text.
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
        """The claim behind `#` in `oidc:<issuer>#<subject>`; an e-mail is a name, not an id."""
        return "sub" if self.operator_claim == "email" else self.operator_claim


def claims_of(payload: Mapping[str, object], settings: OidcSettings) -> Claims:
    """
    The claims of a token that has been verified for `settings`; AuthorizationError if `settings`
    do not admit it, or if it does not say who it speaks of in the way they ask for.
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
            f"verified, by which {settings.setting} names operators: {_email_found(payload)}"
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
    The address, if the issuer says that it verified it: without that people may type any address
    into their profile. Some issuers (Amazon Cognito, JumpCloud) say `true` as text.
    """
    email, verified = payload.get("email"), payload.get("email_verified")
    if not (verified is True or verified == "true") or not isinstance(email, str):
        return None
    return email if len(email) <= 254 and _EMAIL.fullmatch(email) else None


def _email_found(payload: Mapping[str, object]) -> str:
    """What is there in the place of a verified address, and what to do about it."""
    if "email" not in payload:
        return "it has no claim email; ask the issuer for the scope email"
    if "email_verified" not in payload:
        return "it has no claim email_verified; have the issuer send email_verified: true"
    seen = printable(json.dumps(payload["email_verified"], ensure_ascii=False))[:50]
    if seen not in ("true", '"true"'):
        return f"its claim email_verified is {seen}, and only true counts"
    return "its claim email is no ordinary e-mail address"


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
        separator = settings.groups_separator
        claim = [claim] if separator is None else claim.split(separator)
    if isinstance(claim, list) and all(isinstance(group, str) for group in claim):
        return frozenset(filter(None, (group.strip() for group in claim)))
    raise AuthorizationError(
        f"the OIDC token from {settings.issuer} has a claim '{settings.groups_claim}' that is no "
        "list of names: have the issuer send a list of texts, or one text"
    )
