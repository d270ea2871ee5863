"""The section `artifacts.promotion.webhooks`."""

from typing import Annotated, Literal

from pydantic import Field, Strict

from engine.config.environment_variables import Filled, SecretUrl
from engine.config.field_types import AtLeastOne, Given, HeaderName, Section

Event = Literal[
    "promote", "rollback", "restore", "lock", "unlock", "acknowledge", "rotate", "release"
]


class Webhook(Section):
    """A webhook. `url`, header values and `secret` are treated as secrets."""

    url: SecretUrl = Field(description="https://…; ${NAME} is read from the environment")
    events: AtLeastOne[
        Literal[
            "promote", "rollback", "restore", "lock", "unlock", "acknowledge", "rotate", "release"
        ]
    ] = Field(default=("promote", "rollback"), description="the events to deliver")
    headers: dict[HeaderName, Filled] = Field(
        default_factory=dict,
        description="sent with every request",
        examples=[{"Authorization": "Bearer ${HOOK_TOKEN}"}],
    )
    timeout_seconds: Annotated[int, Strict()] = Field(
        default=30, ge=1, le=300, description="for one attempt"
    )
    retry_count: Annotated[int, Strict()] = Field(
        default=3, ge=0, le=10, description="attempts after the first"
    )
    secret: Given[Filled] = Field(
        default=None,
        description="signs the request by Standard Webhooks",
        examples=["${HOOK_SECRET}"],
    )
