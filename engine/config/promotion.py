"""`artifacts.promotion` as the file spells it: the path, its gates and its rules."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, Strict, Tag

from engine.config.environment_variables import Filled, ResolvedPath
from engine.config.field_types import (
    AlwaysOn,
    AtLeastOne,
    Command,
    Duration,
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
from engine.config.registries import RegistryEntry
from engine.config.webhooks import Webhook
from engine.domain.gate import ScannerFormat, Severity
from engine.domain.record import in_utc


class GateEntry(Section):
    """A gate that is on, with what it says for itself."""

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
    """How the report of a security scan is judged (FR-054 … FR-057)."""

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
    """A security scan that is on, with what it says for itself."""


GateSwitch = Annotated[
    Annotated[Switch, Tag("(word)")] | Annotated[GateEntry, Tag("(mapping)")], WordOrMapping
]
ScanSwitch = Annotated[
    Annotated[Switch, Tag("(word)")] | Annotated[ScanEntry, Tag("(mapping)")], WordOrMapping
]
_SWITCH = "true, false, or a mapping with a command, timeout_seconds, env and limits"


class Gates(Section):
    """Which gates are on. policy_compliance always is (FR-010)."""

    policy_compliance: AlwaysOn = Field(default=True, description="cannot be switched off")
    tests: Given[GateSwitch] = Field(default=None, description=_SWITCH)
    security_scan: Given[ScanSwitch] = Field(default=None, description=_SWITCH)
    cost_analysis: Given[GateSwitch] = Field(default=None, description=_SWITCH)
    performance_baseline: Given[GateSwitch] = Field(default=None, description=_SWITCH)


class GateCommand(Section):
    """What a gate runs where it says nothing else."""

    command: Command = Field(description="an argument list, or a string that is split into one")
    timeout_seconds: Given[GateSeconds] = Field(default=None, description="30 to 3600")
    env: Given[tuple[GateVariable, ...]] = Field(
        default=None, description="names of environment variables the command may see"
    )
    limits: Given[OwnLimits] = Field(default=None, description="processes and memory (Linux)")


class ScanCommand(ScanRules, GateCommand):
    """What a security scan runs, and how it is judged, where it says nothing else."""


CommandOrMapping = Annotated[
    Annotated[Command, Tag("(word)")] | Annotated[GateCommand, Tag("(mapping)")], WordOrMapping
]
ScanCommandOrMapping = Annotated[
    Annotated[Command, Tag("(word)")] | Annotated[ScanCommand, Tag("(mapping)")], WordOrMapping
]
_COMMAND = "a command, or a mapping with command, timeout_seconds, env and limits"


class GateCommands(Section):
    """What gates run that name no command themselves."""

    tests: Given[CommandOrMapping] = Field(
        default=None, description=_COMMAND, examples=["pytest -q"]
    )
    security_scan: Given[ScanCommandOrMapping] = Field(
        default=None, description=f"{_COMMAND}, and the rules its report is judged by"
    )
    cost_analysis: Given[CommandOrMapping] = Field(default=None, description=_COMMAND)
    performance_baseline: Given[CommandOrMapping] = Field(default=None, description=_COMMAND)


class AuthorizationEntry(Section):
    """Who may change an environment. A list that is empty admits nobody (FR-046, FR-047)."""

    allowed_groups: Given[Names] = Field(
        default=None, description="whose members may", examples=[["platform-admins"]]
    )
    allowed_operators: Given[Names] = Field(
        default=None, description="who may by name", examples=[["alice@acme.com"]]
    )
    separation_of_duties: Flag = Field(
        default=False, description="whoever promoted into the source may not promote onward"
    )


class ApprovalsEntry(Section):
    """How many others must agree."""

    required: Annotated[int, Strict()] = Field(
        default=0, ge=0, le=50, description="how many others must agree"
    )
    groups: Given[Names] = Field(
        default=None, description="who may approve; without it whoever is authorized"
    )
    expires_after: Duration = Field(
        default=24 * 3600,
        description="how long a change waits",
        examples=["4h", "30m", "2d"],
        json_schema_extra={"default": "24h"},
    )
    rollback: Flag = Field(default=False, description="whether rollbacks wait for approval too")


def _in_calendar(time: datetime) -> datetime:
    in_utc(time)
    return time


class LockEntry(Section):
    """A lock only an edit of the file lifts."""

    locked: Flag = Field(description="whether the environment is locked")
    reason: Given[Text] = Field(default=None, description="why; shown with every refusal")
    locked_by: Given[Text] = Field(default=None, description="who says so")
    locked_at: Given[Annotated[AwareDatetime, AfterValidator(_in_calendar)]] = Field(
        default=None, description="since when, with its zone", examples=["2026-01-31T09:00:00Z"]
    )


class EnvironmentEntry(Section):
    """One stage of the path."""

    name: EnvironmentName = Field(
        description="lower case letters, digits and inner hyphens", examples=["staging"]
    )
    gates: Gates = Field(default_factory=Gates, description="what must pass to enter")
    gate_timeout_seconds: Given[GateSeconds] = Field(default=None, description="30 to 3600")
    gate_limits: Given[OwnLimits] = Field(default=None, description="of its gates (Linux)")
    authorization: Given[AuthorizationEntry] = Field(default=None, description="who may enter")
    approvals: ApprovalsEntry = Field(default_factory=ApprovalsEntry, description="who agrees")
    lock: Given[LockEntry] = Field(default=None, description="freezes it from the file")


class Policy(Section):
    """A rule of policy_compliance: a CEL expression that must hold."""

    name: Text = Field(description="what findings call it", examples=["has-source"])
    rule: Text = Field(
        description="CEL over artifact, version, source and target",
        examples=["'org.opencontainers.image.source' in artifact.annotations"],
    )
    message: str = Field(default="", description="what to do about it")
    severity: Literal["error", "warning"] = Field(
        default="error", description="error blocks, warning passes and is shown"
    )


class OciAudit(Section):
    """The ledger alone, which is always written."""

    backend: Literal["oci"]


class StoreAudit(Section):
    """An object store beside the ledger."""

    backend: Literal["s3"]
    url: StoreUrl = Field(
        description="s3://, gs://, az:// or file://",
        examples=["s3://bucket/prefix", "file:///var/floe/audit"],
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="of the store and its client, e.g. endpoint, timeout"
    )


class DatabaseAudit(Section):
    """A database beside the ledger: `path` (SQLite) or `url`."""

    backend: Literal["database"]
    path: Given[ResolvedPath] = Field(
        default=None, description="a SQLite file", examples=["audit.db"]
    )
    url: Given[Filled] = Field(
        default=None, description="instead of path", examples=["sqlite:///var/floe/audit.db"]
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="handed to the backend as they are"
    )


class PluginAudit(Section):
    """An installed plugin of the entry point group floe.audit_backends, by its name."""

    backend: Text = Field(
        description="oci, s3, database or the name of a plugin",
        json_schema_extra={"not": {"enum": ["oci", "s3", "database"]}},
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="handed to the backend as they are"
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
    """How artifacts are promoted."""

    environments: AtLeastOne[EnvironmentEntry] = Field(
        default_factory=lambda: tuple(EnvironmentEntry(name=name) for name in DEFAULT_ENVIRONMENTS),
        description="the promotion path, in order; omitted: dev, staging, prod",
    )
    gates: Gates = Field(default_factory=Gates, description="defaults of every environment")
    gate_commands: GateCommands = Field(
        default_factory=GateCommands, description="what gates run that name no command"
    )
    default_timeout: GateSeconds = Field(default=300, description="of gates, in seconds")
    gate_limits: GateLimits = Field(
        default_factory=GateLimits, description="what the commands of gates may use"
    )
    policies: tuple[Policy, ...] = Field(default=(), description="rules of policy_compliance")
    secondary_registries: tuple[RegistryEntry, ...] = Field(
        default=(), description="get every promoted artifact too"
    )
    audit: Audit = Field(
        default_factory=lambda: OciAudit(backend="oci"), description="where records are copied"
    )
    webhooks: tuple[Webhook, ...] = Field(default=(), description="who is told")
