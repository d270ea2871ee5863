"""Policies, and the plug-ins of installed packages that the file names."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, Strict, model_validator

from engine.config.field_types import AtLeastOne, GateSeconds, Given, Section, Text
from engine.config.webhooks import Event
from engine.domain.gate import PLUGIN_NAME

_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)


def _plugin_name(value: str) -> str:
    if not re.fullmatch(PLUGIN_NAME, value, re.ASCII):
        raise ValueError(
            "must be words of lower case letters and digits with hyphens, like acme-licenses: "
            "names without a hyphen belong to floe"
        )
    return value


def _package(value: str) -> str:
    if not _PACKAGE.fullmatch(value):
        raise ValueError("must be the name of an installed Python package, like acme-floe")
    return value


PluginName = Annotated[str, AfterValidator(_plugin_name)]
Package = Annotated[str, AfterValidator(_package)]
Options = dict[str, JsonValue]
_OPTIONS = "passed to the plug-in unchanged; they are public, so secrets belong in the environment"


class PluginGate(Section):
    """A gate of a plug-in, from the entry point group floe.gates of its package."""

    package: Package = Field(description="the installed package", examples=["acme-floe"])
    timeout_seconds: Given[GateSeconds] = Field(default=None, description="30 to 3600")
    options: Options = Field(default_factory=dict, description=_OPTIONS)


class Policy(Section):
    """A rule of policy_compliance: a CEL expression that must be true, or a plug-in."""

    name: Text = Field(
        description="the name in findings, and of the plug-in", examples=["has-source"]
    )
    rule: Given[Text] = Field(
        default=None,
        description="CEL over artifact, version, source and target",
        examples=["'org.opencontainers.image.source' in artifact.annotations"],
    )
    message: str = Field(default="", description="a hint for the operator")
    severity: Literal["error", "warning"] = Field(
        default="error", description="error blocks, warning passes and is shown"
    )
    package: Given[Package] = Field(
        default=None,
        description="instead of a rule: the package with this plug-in in floe.policy_enforcers",
        examples=["acme-floe"],
    )
    options: Given[dict[str, Any]] = Field(
        default=None, description="passed to the plug-in unchanged; they are public"
    )
    timeout_seconds: Given[Annotated[int, Strict(), Field(ge=1, le=60)]] = Field(
        default=None, description="for the answer of the plug-in; 10 by default"
    )

    @model_validator(mode="after")
    def _is_rule_or_plugin(self) -> Self:
        if (self.rule is None) == (self.package is None):
            raise ValueError("needs either a rule in CEL, or the package of a plug-in")
        if self.rule is not None and (self.options or self.timeout_seconds):
            raise ValueError("has options of a plug-in, but a rule in CEL: remove them")
        return self


class NotifierEntry(Section):
    """A notifier, from the entry point group floe.notifiers of its package."""

    name: PluginName = Field(description="the name of the plug-in", examples=["acme-pager"])
    package: Package = Field(description="the installed package", examples=["acme-floe"])
    events: AtLeastOne[Event] = Field(
        default=("promote", "rollback"), description="the events to deliver"
    )
    timeout_seconds: Annotated[int, Strict()] = Field(
        default=30, ge=1, le=300, description="for one attempt"
    )
    retry_count: Annotated[int, Strict()] = Field(
        default=3, ge=0, le=10, description="attempts after the first"
    )
    options: Options = Field(default_factory=dict, description=_OPTIONS)
