"""The section `artifacts.promotion`: the path, its gates and its rules."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, Tag

from engine.config.approvals import ApprovalsEntry, BreakGlassEntry, ZonedTime
from engine.config.environment_variables import Filled, ResolvedPath
from engine.config.field_types import (
    AlwaysOn,
    AtLeastOne,
    Command,
    EnvironmentName,
    Flag,
    GateSeconds,
    GateVariable,
    Given,
    Names,
    Section,
    StoreUrl,
    Switch,
    Text,
    WordOrMapping,
    variant,
)
from engine.config.limits import GateLimits, OwnLimits
from engine.config.plugins import NotifierEntry, PluginGate, PluginName, Policy
from engine.config.registries import RegistryEntry
from engine.config.webhooks import Webhook
from engine.config.windows import WindowEntry
from engine.domain.gate import ScannerFormat, Severity


class GateEntry(Section):
    """A gate that is on, with its own settings."""

    command: Given[Command] = Field(
        default=None,
        description="an argument list, or a string that is split into one; there is no shell",
        examples=["pytest -q", ["pytest", "-q"]],
    )
    timeout_seconds: Given[GateSeconds] = Field(default=None, description="30 to 3600")
    env: Given[tuple[GateVariable, ...]] = Field(
        default=None, description="names of environment variables the command may see"
    )
    limits: Given[OwnLimits] = Field(default=None, description="processes and memory (Linux)")


class ScanRules(Section):
    """The rules for the report of a security scan."""

    scanner_format: Given[ScannerFormat] = Field(default=None, description="default trivy")
    block_on_severity: Given[tuple[Severity, ...]] = Field(
        default=None, description="default CRITICAL and HIGH"
    )
    ignore_unfixed: Given[Flag] = Field(
        default=None, description="whether findings without a fix never block"
    )
    block_on_secrets: Given[Flag] = Field(
        default=None, description="whether secrets and misconfigurations block"
    )
    block_on_eol: Given[Flag] = Field(
        default=None,
        description="whether a distribution past its end of life blocks; it is a warning otherwise",
    )


class ScanEntry(ScanRules, GateEntry):
    """A security scan that is on, with its own settings."""


GateSwitch = Annotated[
    Annotated[Switch, Tag("(word)")] | Annotated[GateEntry, Tag("(mapping)")], WordOrMapping
]
ScanSwitch = Annotated[
    Annotated[Switch, Tag("(word)")] | Annotated[ScanEntry, Tag("(mapping)")], WordOrMapping
]
_SWITCH = "true, false, or a mapping with a command, timeout_seconds, env and limits"


class Gates(Section):
    """The gates that are on. policy_compliance always is."""

    policy_compliance: AlwaysOn = Field(default=True, description="cannot be switched off")
    tests: Given[GateSwitch] = Field(default=None, description=_SWITCH)
    security_scan: Given[ScanSwitch] = Field(default=None, description=_SWITCH)
    cost_analysis: Given[GateSwitch] = Field(default=None, description=_SWITCH)
    performance_baseline: Given[GateSwitch] = Field(default=None, description=_SWITCH)
    plugins: dict[PluginName, PluginGate] = Field(
        default_factory=dict, description="gates of plug-ins, by the name of the plug-in"
    )


class GateCommand(Section):
    """The default command of a gate."""

    command: Command = Field(description="an argument list, or a string that is split into one")
    timeout_seconds: Given[GateSeconds] = Field(default=None, description="30 to 3600")
    env: Given[tuple[GateVariable, ...]] = Field(
        default=None, description="names of environment variables the command may see"
    )
    limits: Given[OwnLimits] = Field(default=None, description="processes and memory (Linux)")


class ScanCommand(ScanRules, GateCommand):
    """The default command and rules of a security scan."""


CommandOrMapping = Annotated[
    Annotated[Command, Tag("(word)")] | Annotated[GateCommand, Tag("(mapping)")], WordOrMapping
]
ScanCommandOrMapping = Annotated[
    Annotated[Command, Tag("(word)")] | Annotated[ScanCommand, Tag("(mapping)")], WordOrMapping
]
_COMMAND = "a command, or a mapping with command, timeout_seconds, env and limits"


class GateCommands(Section):
    """The commands of gates without a command of their own."""

    tests: Given[CommandOrMapping] = Field(
        default=None, description=_COMMAND, examples=["pytest -q"]
    )
    security_scan: Given[ScanCommandOrMapping] = Field(
        default=None, description=f"{_COMMAND}, and the rules for its report"
    )
    cost_analysis: Given[CommandOrMapping] = Field(default=None, description=_COMMAND)
    performance_baseline: Given[CommandOrMapping] = Field(default=None, description=_COMMAND)


class AuthorizationEntry(Section):
    """The operators who may change an environment. An empty list admits no one."""

    allowed_groups: Given[Names] = Field(
        default=None, description="groups of operators", examples=[["platform-admins"]]
    )
    allowed_operators: Given[Names] = Field(
        default=None, description="names of operators", examples=[["alice@acme.com"]]
    )
    separation_of_duties: Flag = Field(
        default=False, description="the operator of the promotion into the source is refused"
    )


class LockEntry(Section):
    """A lock that only an edit of the file removes."""

    locked: Flag = Field(description="whether the environment is locked")
    reason: Given[Text] = Field(default=None, description="the reason, shown in refusals")
    locked_by: Given[Text] = Field(default=None, description="the person who locked it")
    locked_at: Given[ZonedTime] = Field(
        default=None, description="the time, with its zone", examples=["2026-01-31T09:00:00Z"]
    )


class EnvironmentEntry(Section):
    """One environment of the path."""

    name: EnvironmentName = Field(
        description="lower case letters, digits and inner hyphens", examples=["staging"]
    )
    gates: Gates = Field(default_factory=Gates.model_construct, description="gates that must pass")
    gate_timeout_seconds: Given[GateSeconds] = Field(default=None, description="30 to 3600")
    gate_limits: Given[OwnLimits] = Field(default=None, description="of its gates (Linux)")
    authorization: Given[AuthorizationEntry] = Field(
        default=None, description="operators who may change it"
    )
    approvals: ApprovalsEntry = Field(
        default_factory=ApprovalsEntry.model_construct, description="approvals that a change needs"
    )
    lock: Given[LockEntry] = Field(default=None, description="a lock in the file")
    after: Given[tuple[EnvironmentName, ...]] = Field(
        default=None,
        description="environments from which versions come; default: the one before it in the list",
        examples=[["eu-canary", "us-canary"]],
    )
    sources: Literal["any", "all"] = Field(
        default="all",
        alias="from",
        description="whether a version must have passed all environments in after, or any of them",
    )


class OciAudit(Section):
    """No audit backend: only the ledger, which is always written."""

    backend: Literal["oci"]


class StoreAudit(Section):
    """Copies in an object store."""

    backend: Literal["s3"]
    url: StoreUrl = Field(
        description="s3://, gs://, az:// or file://",
        examples=["s3://bucket/prefix", "file:///var/floe/audit"],
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="options of the store and its client, like endpoint"
    )


class DatabaseAudit(Section):
    """Copies in a database: `path` (SQLite) or `url`."""

    backend: Literal["database"]
    path: Given[ResolvedPath] = Field(
        default=None, description="a SQLite file", examples=["audit.db"]
    )
    url: Given[Filled] = Field(
        default=None, description="instead of path", examples=["sqlite:///var/floe/audit.db"]
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="passed to the backend unchanged"
    )


class PluginAudit(Section):
    """Copies by an installed plugin of the entry point group floe.audit_backends."""

    backend: Text = Field(
        description="oci, s3, database or the name of a plugin",
        json_schema_extra={"not": {"enum": ["oci", "s3", "database"]}},
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="passed to the backend unchanged"
    )


Audit = Annotated[
    Annotated[OciAudit, Tag("(oci)")]
    | Annotated[StoreAudit, Tag("(s3)")]
    | Annotated[DatabaseAudit, Tag("(database)")]
    | Annotated[PluginAudit, Tag("(other)")],
    variant("backend", "oci", "s3", "database"),
]
DEFAULT_ENVIRONMENTS = ("dev", "staging", "prod")


class Promotion(Section):
    """The promotion path, and the rules for all environments."""

    environments: AtLeastOne[EnvironmentEntry] = Field(
        default_factory=lambda: tuple(EnvironmentEntry(name=name) for name in DEFAULT_ENVIRONMENTS),
        description="the promotion path, in order; omitted: dev, staging, prod",
    )
    gates: Gates = Field(
        default_factory=Gates.model_construct, description="defaults of every environment"
    )
    gate_commands: GateCommands = Field(
        default_factory=GateCommands.model_construct,
        description="commands of gates without their own",
    )
    default_timeout: GateSeconds = Field(default=300, description="of gates, in seconds")
    gate_limits: GateLimits = Field(
        default_factory=GateLimits.model_construct, description="limits of gate commands"
    )
    policies: tuple[Policy, ...] = Field(default=(), description="rules of policy_compliance")
    windows: tuple[WindowEntry, ...] = Field(
        default=(), description="when environments may be changed, and when not"
    )
    break_glass: Given[BreakGlassEntry] = Field(
        default=None, description="groups that may skip rules in an incident"
    )
    secondary_registries: tuple[RegistryEntry, ...] = Field(
        default=(), description="registries that get every promoted artifact too"
    )
    audit: Audit = Field(
        default_factory=lambda: OciAudit.model_construct(backend="oci"),
        description="the audit backend",
    )
    webhooks: tuple[Webhook, ...] = Field(default=(), description="URLs that get events")
    notifiers: tuple[NotifierEntry, ...] = Field(default=(), description="plug-ins that get events")
    compare_builds: Flag = Field(
        default=False,
        description="compare commits, packages and size of an artifact with the running one",
    )
