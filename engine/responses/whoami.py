"""The answers about the operator of a command, and about how people sign in."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from engine.domain.operator import IdentitySource, Operator
from engine.domain.record_base import UtcTime
from engine.responses.common import Error, Response, Success, TraceId


class RightsResponse(Response):
    """The rights of an operator in one product."""

    product: str | None = Field(description="name of the product; null with a single manifest")
    promote: tuple[str, ...] = Field(description="environments to which the operator may promote")
    approve: tuple[str, ...] = Field(description="environments whose changes they may approve")


class WhoamiResponse(Response):
    """The answer of `login`, `logout` and `whoami`."""

    success: Success
    server: str | None = Field(description="address of the server; null for local commands")
    operator: str | None = Field(description="name of the operator; null if no one signed in")
    operator_id: str | None = Field(description="ID of the operator, with its source")
    source: IdentitySource | None = Field(description="where the identity comes from")
    verified: bool | None = Field(description="whether the source confirms the identity")
    doubt: str | None = Field(description="why the identity is not verified; null if it is")
    groups: tuple[str, ...] | None = Field(description="groups of the operator")
    rights: tuple[RightsResponse, ...] | None = Field(description="rights in each product")
    expires_at: UtcTime | None = Field(
        description="when the token of the sign-in ends; it is renewed where the provider allows"
    )
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, operator: Operator, rights: Iterable[RightsResponse], trace_id: str) -> Self:
        return cls.build(
            success=True,
            operator=operator.name,
            operator_id=operator.id,
            source=operator.source,
            verified=operator.verified,
            doubt=operator.doubt or None,
            groups=tuple(sorted(operator.groups)),
            rights=tuple(rights),
            trace_id=trace_id,
        )


class IssuerResponse(Response):
    """An OpenID provider with which people sign in."""

    issuer: str = Field(description="URL of the provider")
    client_id: str = Field(description="public client of the command line at the provider")


class SignInResponse(Response):
    """The answer about how people sign in on the command line."""

    issuers: tuple[IssuerResponse, ...] = Field(description="providers to choose from")
