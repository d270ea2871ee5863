"""The whole of manifest.yaml as the file spells it (spec 2)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.config.people import Identity, Slack, Web
from engine.config.promotion import Promotion
from engine.config.registries import PrimaryRegistry
from engine.config.surroundings import ResolvedPath
from engine.config.values import Given, Section


class Artifacts(Section):
    """What is promoted, and how."""

    registry: PrimaryRegistry = Field(description="where the artifacts are")
    promotion: Promotion = Field(default_factory=Promotion, description="how they are promoted")


class State(Section):
    """What floe keeps beside the registry."""

    dir: Given[ResolvedPath] = Field(
        default=None,
        description="for the store, leases and caches; default .floe beside the manifest",
    )


class ManifestFile(BaseModel):
    """The platform manifest floe reads. Top-level keys it does not know belong to other tools."""

    # Input is hidden because it may be a secret, and errors end up in logs and tracebacks.
    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    api_version: Literal["floe.dev/v1"] = Field(
        alias="apiVersion", description="apiVersion: floe.dev/v1"
    )
    kind: Literal["Manifest"] = Field(description="kind: Manifest")
    artifacts: Artifacts = Field(description="the registry and how artifacts are promoted")
    identity: Identity = Field(default_factory=Identity, description="who people are")
    slack: Slack = Field(default_factory=Slack, description="where the bot speaks")
    web: Web = Field(default_factory=Web, description="the page, and how people sign in")
    state: State = Field(default_factory=State, description="what is kept beside the registry")
