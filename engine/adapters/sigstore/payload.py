"""Checks that a signed payload names the artifact, so that no other signature is accepted."""

from typing import Literal

from pydantic import Field

from engine.attestation.dsse import IN_TOTO
from engine.attestation.refusal import Refused
from engine.attestation.wire import Wire, parse
from engine.domain.artifact import Digest

# https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
_SIMPLE_SIGNING_TYPE = "cosign container image signature"


class _Image(Wire):
    manifest_digest: str = Field(alias="docker-manifest-digest")


class _Critical(Wire):
    image: _Image
    type: str


class _SimpleSigning(Wire):
    """https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md"""

    critical: _Critical


class _Subject(Wire):
    digest: dict[str, str]


class _Statement(Wire):
    """https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md"""

    type: Literal["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] = Field(
        alias="_type"
    )
    subject: tuple[_Subject, ...]
    predicate_type: str


def check_simple_signing(payload: bytes, artifact: Digest) -> None:
    """Refused unless the payload of a legacy signature names `artifact`."""
    critical = parse(_SimpleSigning, payload, "its payload").critical
    if critical.type != _SIMPLE_SIGNING_TYPE:
        raise Refused(f"its payload is a {critical.type!r}, not a {_SIMPLE_SIGNING_TYPE}")
    if critical.image.manifest_digest != str(artifact):
        raise Refused(f"made for another artifact, {critical.image.manifest_digest}")


def check_statement(payload_type: str, payload: bytes, artifact: Digest) -> None:
    """Refused unless the payload of a DSSE envelope is a signature statement for `artifact`."""
    if payload_type != IN_TOTO:
        raise Refused(f"its payload is {payload_type!r}, not {IN_TOTO}")
    statement = parse(_Statement, payload, "its statement")
    if statement.predicate_type != SIGNATURE_PREDICATE:
        raise Refused(f"an attestation ({statement.predicate_type}), not a signature")
    named = [subject.digest.get("sha256") for subject in statement.subject]
    if artifact.hex not in named:
        raise Refused(f"made for another artifact, sha256:{named[0] if named else '?'}")
