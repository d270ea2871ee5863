"""The answer about the differences between two versions."""

from typing import Self

from pydantic import Field

from engine.domain.errors import PromotionError
from engine.domain.impact.comparison import ComparedVersion, Comparison, ContentDelta
from engine.domain.impact.delta import Delta
from engine.responses.common import Error, ErrorInfo, Response, Success, TraceId


class VersionDiffResponse(Response):
    """The differences between two versions."""

    success: Success = Field(description="whether the versions could be compared")
    before: ComparedVersion | None = Field(description="the first version")
    after: ComparedVersion | None = Field(description="the second version")
    identical: bool | None = Field(description="whether both are the same artifact")
    delta: Delta | None = Field(
        description="vulnerabilities, packages, commits and size; null if they are identical"
    )
    content: ContentDelta | None = Field(
        description="layers and annotations; null if they are identical"
    )
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, found: Comparison, trace_id: str) -> Self:
        return cls.build(
            success=True,
            before=found.before,
            after=found.after,
            identical=found.before.digest == found.after.digest,
            delta=found.delta,
            content=found.content,
            trace_id=trace_id,
        )

    @classmethod
    def failed(cls, error: PromotionError, trace_id: str) -> Self:
        return cls.build(trace_id=trace_id, error=ErrorInfo.of(error))
