"""The identity in a certificate, and the trusted issuers that admit it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat import asn1

from engine.attestation.refusal import Refused
from engine.domain.errors import ConfigError

# https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_OTHER_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
# Limits the time to match a regular expression.
_MAX_SUBJECT = 2048


@dataclass(frozen=True, slots=True)
class Identity:
    """The OIDC issuer and the subject of a certificate."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """
    An OIDC issuer and its trusted subjects: `subject_regex` must match the whole subject, so that
    `^repo:acme/floe` does not admit `repo:acme/floe-evil`. ConfigError for invalid values.
    """

    issuer: str
    subject_regex: str

    def __post_init__(self) -> None:
        if not self.issuer or not self.subject_regex:
            raise ConfigError("a trusted issuer needs both an issuer and a subject_regex")
        try:
            re.compile(self.subject_regex)
        except re.error as error:
            raise ConfigError(
                f"subject_regex {self.subject_regex!r} is not a regular expression: {error}"
            ) from error

    def admits(self, identity: Identity) -> bool:
        return (
            identity.issuer == self.issuer
            and re.fullmatch(self.subject_regex, identity.subject) is not None
        )


def admit(certificate: x509.Certificate, issuers: Iterable[TrustedIssuer]) -> Identity:
    """Return the identity of the certificate if one of `issuers` admits it, else raise Refused."""
    identity = identity_of(certificate)
    if not any(issuer.admits(identity) for issuer in issuers):
        raise Refused(
            f"signed by {identity.subject} of {identity.issuer}, but no trusted issuer admits it"
        )
    return identity


def identity_of(certificate: x509.Certificate) -> Identity:
    """The unverified identity in the certificate; Refused if it is missing or ambiguous."""
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise Refused(f"its certificate has unreadable extensions: {error}") from error
    subject = _subject(extensions)
    if len(subject) > _MAX_SUBJECT:
        raise Refused(f"its certificate's subject has {len(subject)} characters")
    return Identity(_issuer(extensions), subject)


def _subject(extensions: x509.Extensions) -> str:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise Refused("its certificate names no subject") from error
    found = [_name(name) for name in names]
    if len(found) != 1:
        # With several subjects the signer is ambiguous.
        raise Refused(f"its certificate names {len(found)} subjects instead of one")
    return found[0]


def _name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier):
        return name.value
    if isinstance(name, x509.OtherName) and name.type_id == _OTHER_NAME:
        return _text(name.value)
    raise Refused("its certificate's subject is neither a URI, an email address nor a user name")


def _issuer(extensions: x509.Extensions) -> str:
    """The issuer; its old and new extension must agree."""
    issuers = set()
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.UnrecognizedExtension):
            if extension.oid == _ISSUER_V2:
                issuers.add(_text(value.value))
            elif extension.oid == _ISSUER:
                issuers.add(value.value.decode(errors="replace"))
    if len(issuers) != 1:
        raise Refused(f"its certificate names {len(issuers)} OIDC issuers instead of one")
    return issuers.pop()


def _text(der: bytes) -> str:
    try:
        return asn1.decode_der(str, der)
    except ValueError as error:
        raise Refused(f"its certificate has a name that is not text: {error}") from error
