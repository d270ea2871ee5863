"""The top level of manifest.yaml."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from engine.config.field_types import Section
from engine.config.ledger import Ledger
from engine.config.people import Identity, Slack, Web
from engine.config.promotion import Promotion
from engine.config.registries import PrimaryRegistry
from engine.config.state import State

# Input is hidden because it may be a secret, and errors are printed in logs and tracebacks.
TOP_LEVEL = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)
API_VERSION: Any = Field(alias="apiVersion", description="apiVersion: floe.dev/v1")
ARTIFACTS: Any = Field(description="the registry and how artifacts are promoted")
LEDGER: Any = Field(
    default_factory=Ledger.model_construct,
    description="the keys that sign the records, and trusted keys",
)
IDENTITY: Any = Field(
    default_factory=Identity.model_construct, description="people, groups and issuers"
)
SLACK: Any = Field(
    default_factory=Slack.model_construct,
    description="the channel, commands and direct messages of the bot",
)
WEB: Any = Field(
    default_factory=Web.model_construct, description="the page, and how people sign in"
)
STATE: Any = Field(
    default_factory=State.model_construct, description="the state outside the registry"
)


class Artifacts(Section):
    """The registry of the artifacts, and the rules of promotion."""

    registry: PrimaryRegistry = Field(description="the registry of the artifacts")
    promotion: Promotion = Field(
        default_factory=Promotion.model_construct, description="how they are promoted"
    )


class ManifestFile(BaseModel):
    """The platform manifest. Unknown top-level keys belong to other tools."""

    model_config = TOP_LEVEL

    api_version: Literal["floe.dev/v1"] = API_VERSION
    kind: Literal["Manifest"] = Field(description="kind: Manifest")
    artifacts: Artifacts = ARTIFACTS
    ledger: Ledger = LEDGER
    identity: Identity = IDENTITY
    slack: Slack = SLACK
    web: Web = WEB
    state: State = STATE


def config_schema() -> dict[str, JsonValue]:
    """Build the JSON Schema (draft 2020-12) of the file; it refuses unknown keys too."""
    return file_schema(ManifestFile, "floe manifest")


def file_schema(model: type[BaseModel], title: str) -> dict[str, JsonValue]:
    """Build the JSON Schema of a file of `model`."""
    schema: dict[str, JsonValue] = model.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **{key: _without_absences(value) for key, value in schema.items()},
        "title": title,
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
