"""The answer about the page of a change, an environment or a product."""

from pydantic import Field

from engine.responses.common import Error, Response, Success, TraceId


class PageResponse(Response):
    """The answer of `open`."""

    success: Success
    url: str | None = Field(description="address of the page")
    trace_id: TraceId
    error: Error
