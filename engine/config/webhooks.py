"""The webhooks that floe sends, and the reports that it takes."""

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from engine.config.environment_variables import Filled, FromVariable, SecretUrl
from engine.config.field_types import AtLeastOne, Given, HeaderName, Section

Event = Literal[
    "promote", "rollback", "restore", "lock", "unlock", "acknowledge", "rotate", "release"
]


class Webhook(Section):
    """A webhook. `url`, header values and `secret` are treated as secrets."""

    url: SecretUrl = Field(description="https://…; ${NAME} is read from the environment")
    events: AtLeastOne[Event] = Field(
        default=("promote", "rollback"), description="the events to deliver"
    )
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
    format: Literal["floe", "cdevents"] = Field(
        default="floe",
        description="floe: the payload of floe; cdevents: CDEvents, for promote and rollback only",
    )
    secret: Given[Filled] = Field(
        default=None,
        description="signs the request by Standard Webhooks",
        examples=["${HOOK_SECRET}"],
    )

    @model_validator(mode="after")
    def _has_events(self) -> Self:
        others = sorted({*self.events} - {"promote", "rollback"})
        if self.format == "cdevents" and others:
            raise ValueError(
                f"format cdevents has no event for {', '.join(others)}: list promote and rollback "
                "only, and the others at a webhook of their own"
            )
        return self


class RegistryEvents(Section):
    """The events that registries send to `POST /-/registry-events`."""

    token_env: FromVariable = Field(
        description="the environment variable with the token that registries send",
        examples=["REGISTRY_EVENTS_TOKEN"],
    )


class DeploymentReports(Section):
    """The reports about deployments that `POST /api/v1/deployments` takes."""

    secret_env: FromVariable = Field(
        description="the environment variable with the secret that signs them (X-Signature), or "
        "that systems send as a bearer token",
        examples=["DEPLOYMENTS_SECRET"],
    )
