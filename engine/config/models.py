"""The top level of manifest.yaml."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from engine.config.field_types import Section
from engine.config.ledger import Ledger
from engine.config.people import Identity, Slack, Web
from engine.config.promotion import Promotion
from engine.config.registries import PrimaryRegistry
from engine.config.state import State


class Artifacts(Section):
    """The registry of the artifacts, and the rules of promotion."""

    registry: PrimaryRegistry = Field(description="the registry of the artifacts")
    promotion: Promotion = Field(
        default_factory=Promotion.model_construct, description="how they are promoted"
    )


class ManifestFile(BaseModel):
    """The platform manifest. Unknown top-level keys belong to other tools."""

    # Input is hidden because it may be a secret, and errors are printed in logs and tracebacks.
    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    api_version: Literal["floe.dev/v1"] = Field(
        alias="apiVersion", description="apiVersion: floe.dev/v1"
    )
    kind: Literal["Manifest"] = Field(description="kind: Manifest")
    artifacts: Artifacts = Field(description="the registry and how artifacts are promoted")
    ledger: Ledger = Field(
        default_factory=Ledger.model_construct,
        description="the keys that sign the records, and trusted keys",
    )
    identity: Identity = Field(
        default_factory=Identity.model_construct, description="people, groups and issuers"
    )
    slack: Slack = Field(
        default_factory=Slack.model_construct, description="the channel and commands of the bot"
    )
    web: Web = Field(
        default_factory=Web.model_construct, description="the page, and how people sign in"
    )
    state: State = Field(
        default_factory=State.model_construct, description="the state outside the registry"
    )


def config_schema() -> dict[str, JsonValue]:
    """Build the JSON Schema (draft 2020-12) of the file; it refuses unknown keys too."""
    schema: dict[str, JsonValue] = ManifestFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **{key: _without_absences(value) for key, value in schema.items()},
        "title": "floe manifest",
    }


def _without_absences(value: JsonValue) -> JsonValue:
    """Remove defaults of None, which editors would insert as `null`."""
    if isinstance(value, dict):
        return {
            key: _without_absences(each)
            for key, each in value.items()
            if key != "default" or each is not None
        }
    return [_without_absences(each) for each in value] if isinstance(value, list) else value
