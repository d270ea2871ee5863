"""The answers about an artifact: its signatures, and its download."""

from typing import Literal, Self

from pydantic import Field, model_validator

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import SignatureVerificationError
from engine.domain.record import DigestText
from engine.domain.signature import ExaminedSignature, SignatureVerdict
from engine.responses.common import Error, ErrorInfo, Response, Success, TraceId


class SignatureInfo(Response):
    """The verdict on the signatures of an artifact."""

    mode: Literal["none", "key", "keyless"] = Field(description="kind of the good signature")
    issuer: str | None = Field(description="OIDC issuer of the signer")
    subject: str | None = Field(description="identity of the signer")
    fingerprint: str | None = Field(description="digest of the public key")
    problem: str | None = Field(description="why no signature is good; null when one is")
    examined: tuple[ExaminedSignature, ...] = Field(
        description="signatures in the order of examination: place, and why it was refused"
    )
    notes: tuple[str, ...] = Field(description="remarks about the verification")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """ValueError unless there is either a good signature or a problem."""
        self.verdict()
        return self

    def verdict(self) -> SignatureVerdict:
        return SignatureVerdict(**dict(self))


class SignatureResponse(Response):
    """The answer of `artifact verify`."""

    success: Success = Field(description="whether a good signature was found")
    artifact_tag: str = Field(description="tag of the artifact")
    artifact_digest: DigestText = Field(description="digest of the artifact")
    signature: SignatureInfo = Field(description="the verdict, and every signature examined")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, tag: Tag, digest: Digest, verdict: SignatureVerdict, trace_id: str) -> Self:
        error = None if verdict.verified else SignatureVerificationError(verdict.summary)
        return cls(
            success=verdict.verified,
            artifact_tag=str(tag),
            artifact_digest=str(digest),
            signature=SignatureInfo.model_validate(verdict, from_attributes=True),
            trace_id=trace_id,
            error=ErrorInfo.of(error) if error else None,
        )


class PullResponse(Response):
    """The answer of `artifact pull`."""

    success: Success = Field(description="whether the layers were written")
    artifact_tag: str = Field(description="tag of the artifact")
    artifact_digest: DigestText = Field(description="digest of the artifact")
    directory: str = Field(description="directory with the layers")
    left_out: tuple[str, ...] = Field(description="layers that are distributed elsewhere")
    signature: str | None = Field(description="the verdict; null when none is required")
    trace_id: TraceId
    error: Error
