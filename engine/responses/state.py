"""The answer about the tables of a database."""

from pydantic import Field

from engine.responses.common import Error, Response, Success, TraceId


class StateResponse(Response):
    """The answer of `state migrate`."""

    success: Success = Field(description="whether the tables are as this version needs them")
    versions: dict[str, int] = Field(description="versions of the tables, by kind of store")
    trace_id: TraceId
    error: Error
