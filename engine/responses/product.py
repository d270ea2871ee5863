"""The answer about the products of a server."""

from typing import Literal

from pydantic import Field

from engine.domain.record_base import UtcTime
from engine.responses.common import Error, Response, Success, TraceId
from engine.responses.status import EnvironmentResponse

ProductState = Literal["ready", "unread", "unreachable", "broken"]


class ProductResponse(Response):
    """One product, as the server last read it."""

    product: str | None = Field(description="name; null with a single manifest")
    owner: str | None = Field(description="owner of the product, as its file says")
    state: ProductState = Field(
        description="ready; unread: not read since the server started; unreachable: its registry "
        "does not answer; broken: its file cannot be used"
    )
    read_at: UtcTime | None = Field(description="time at which the environments were read")
    environments: tuple[EnvironmentResponse, ...] = Field(description="environments, in order")
    error: Error


class ProductsResponse(Response):
    """The answer of `status --all`; it fails when no environment of any product can be read."""

    success: Success
    products: tuple[ProductResponse, ...] = Field(description="products, in order")
    trace_id: TraceId
    error: Error
