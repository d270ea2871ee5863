"""The answers about an artifact: its signatures, and its download."""

from typing import Literal, Self

from pydantic import Field, model_validator

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import PromotionError, SignatureVerificationError
from engine.domain.promotion_proof import PromotionProof, Standing
from engine.domain.record_base import DigestText
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


class PromotionInfo(Response):
    """The verdict on the promotion of an artifact to one environment."""

    environment: str = Field(description="the environment")
    predicate_type: str = Field(description="type of its attestations, as `--type` of cosign")
    standing: Standing = Field(
        description="role of the artifact there now; `void`: attested, and not in the ledger"
    )
    anchor: str | None = Field(description="ledger entry of its newest promotion")
    rolled_back_by: str | None = Field(description="ledger entry of the rollback from it since")
    signer: str | None = Field(
        description="digest of the key with a valid attestation; null without one"
    )
    examined: tuple[ExaminedSignature, ...] = Field(
        description="attached statements of the type: place, and why it does not count"
    )
    summary: str = Field(description="the verdict in one sentence")

    @classmethod
    def of(cls, proof: PromotionProof) -> Self:
        return cls(
            environment=proof.environment,
            predicate_type=proof.kind,
            standing=proof.standing,
            anchor=proof.entry.anchor if proof.entry else None,
            rolled_back_by=proof.rollback.anchor if proof.rollback else None,
            signer=proof.signer,
            examined=proof.examined,
            summary=proof.summary,
        )


class SignatureResponse(Response):
    """The answer of `artifact verify`."""

    success: Success = Field(description="whether all that was judged is good")
    artifact_tag: str = Field(description="tag of the artifact")
    artifact_digest: DigestText = Field(description="digest of the artifact")
    signature: SignatureInfo | None = Field(
        description="the verdict, and every signature examined; null if none is configured"
    )
    promotion: PromotionInfo | None = Field(
        default=None,
        description="the promotion to the environment in `--env`; null without trusted keys",
    )
    trace_id: TraceId
    error: Error

    @classmethod
    def of(
        cls,
        tag: Tag,
        digest: Digest,
        verdict: SignatureVerdict | None,
        proof: PromotionProof | None,
        trace_id: str,
    ) -> Self:
        error: PromotionError | None = None
        if verdict is not None and not verdict.verified:
            error = SignatureVerificationError(verdict.summary)
        elif proof is not None:
            error = proof.error
        signature = SignatureInfo.model_validate(verdict, from_attributes=True) if verdict else None
        return cls(
            success=error is None,
            artifact_tag=str(tag),
            artifact_digest=str(digest),
            signature=signature,
            promotion=PromotionInfo.of(proof) if proof else None,
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
