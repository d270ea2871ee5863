"""The answers about the database that several servers share."""

from pydantic import Field

from engine.responses.common import Error, Response, Success, TraceId
from engine.responses.status import EnvironmentResponse


class StateResponse(Response):
    """The answer of `state migrate`."""

    success: Success = Field(description="whether the tables are as this version needs them")
    versions: dict[str, int] = Field(description="versions of the tables, by kind of store")
    trace_id: TraceId
    error: Error


class AdoptionResponse(Response):
    """The answer of `state adopt`."""

    success: Success = Field(description="whether the changes belong to the product now")
    product: str = Field(description="name of the product")
    changes: int = Field(ge=0, description="number of changes that had no product")
    trace_id: TraceId
    error: Error


class RebuiltEnvironment(EnvironmentResponse):
    """One environment, as read from the registry."""

    records: int = Field(ge=0, description="number of records in its ledger")


class RebuildResponse(Response):
    """The answer of `state rebuild`."""

    success: Success = Field(description="whether all ledgers were read")
    environments: tuple[RebuiltEnvironment, ...] = Field(description="one for each environment")
    trace_id: TraceId
    error: Error
