"""The answer about the policy of a record."""

from typing import Any, Self

from pydantic import Field

from engine.domain.policy_document import PolicyDocument
from engine.domain.record_base import DigestText
from engine.responses.common import Error, Response, Success, TraceId


class PolicyResponse(Response):
    """The answer of `audit policy`."""

    success: Success
    digest: DigestText | None = Field(description="digest of the document, as in records")
    policy: dict[str, Any] | None = Field(
        description="the document: the rules of manifest.yaml with all defaults. Its canonical "
        "JSON (sorted keys, no spaces) has the digest"
    )
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, document: PolicyDocument, trace_id: str) -> Self:
        return cls.build(
            success=True, digest=document.digest, policy=document.rules, trace_id=trace_id
        )
