"""Gates: commands that must pass before a promotion, and their results."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import CoreSchema, core_schema

from engine.domain.waiver import Waiver

if TYPE_CHECKING:  # few gates need it
    from engine.domain.openvex import VexStatements

# Names of built-in gates and checks have no hyphen, so no plug-in can take one of them.
PLUGIN_NAME = "[a-z][a-z0-9]{0,30}(?:-[a-z0-9]{1,30}){1,3}"
_BUILT_IN_NAMES = "policy_compliance|tests|security_scan|cost_analysis|performance_baseline"
_NAME = f"(?:{_BUILT_IN_NAMES}|{PLUGIN_NAME})"


class _BuiltInKinds(type):
    """Iterates over the five built-in kinds."""

    def __iter__(cls) -> "Iterator[GateKind]":
        return iter(_BUILT_IN.values())


class GateKind(str, metaclass=_BuiltInKinds):
    """
    The name of a gate: one of the five kinds of FR-008, or the name of a plug-in.

    `policy_compliance` always runs. Equal built-in names are the same object. ValueError for a text
    that is no name.
    """

    __slots__ = ()
    POLICY_COMPLIANCE: ClassVar["GateKind"]
    TESTS: ClassVar["GateKind"]
    SECURITY_SCAN: ClassVar["GateKind"]
    COST_ANALYSIS: ClassVar["GateKind"]
    PERFORMANCE_BASELINE: ClassVar["GateKind"]

    def __new__(cls, name: str) -> "GateKind":
        if name in _BUILT_IN:
            return _BUILT_IN[name]
        if not re.fullmatch(_NAME, name, re.ASCII):
            raise ValueError(
                f"'{name[:80]}' is no name of a gate: names of plug-ins are words with hyphens, "
                "like acme-licenses"
            )
        return super().__new__(cls, name)

    @property
    def value(self) -> str:
        return str(self)

    @property
    def built_in(self) -> bool:
        return self in _BUILT_IN

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        text = core_schema.str_schema(pattern=f"^{_NAME}$")
        return core_schema.no_info_after_validator_function(cls, text)


_BUILT_IN: dict[str, GateKind] = {}
GateKind.POLICY_COMPLIANCE = GateKind("policy_compliance")
GateKind.TESTS = GateKind("tests")
GateKind.SECURITY_SCAN = GateKind("security_scan")
GateKind.COST_ANALYSIS = GateKind("cost_analysis")
GateKind.PERFORMANCE_BASELINE = GateKind("performance_baseline")
_BUILT_IN |= {
    name: name
    for name in (
        GateKind.POLICY_COMPLIANCE,
        GateKind.TESTS,
        GateKind.SECURITY_SCAN,
        GateKind.COST_ANALYSIS,
        GateKind.PERFORMANCE_BASELINE,
    )
}


class GateStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    WARNING = "warning"


class Severity(StrEnum):
    """Severities as Trivy writes them; Grype's Negligible counts as LOW."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    UNKNOWN = "UNKNOWN"


class ScannerFormat(StrEnum):
    """The report formats that floe can read."""

    TRIVY = "trivy"
    GRYPE = "grype"


@dataclass(frozen=True, slots=True)
class SecurityRules:
    """
    The rules by which a scanner's report passes or fails (FR-054 … FR-057).

    `waivers` are those in force in the target. `vex` reads the statements about the artifact.
    """

    scanner_format: ScannerFormat = ScannerFormat.TRIVY
    block_on_severity: frozenset[Severity] = frozenset({Severity.CRITICAL, Severity.HIGH})
    ignore_unfixed: bool = False
    block_on_secrets: bool = False
    block_on_eol: bool = False
    waivers: tuple[Waiver, ...] = ()
    vex: "Callable[[], VexStatements | None]" = lambda: None


@dataclass(frozen=True, slots=True)
class GateLimits:
    """The processes and the MiB of memory one gate may use; None for the limit of all gates."""

    processes: int | None = None
    memory_mb: int | None = None


@dataclass(frozen=True, slots=True)
class PluginChoice:
    """A plug-in of the installed `package`, and its `options` as canonical JSON."""

    package: str
    options: str = "{}"


@dataclass(frozen=True, slots=True)
class Gate:
    """
    A command that must exit 0 before an artifact enters an environment.

    `argv` contains `${…}` placeholders. `env` names the environment variables that are passed on
    to the command. `timeout_seconds` is between 30 and 3600 (NFR-001). `security` is set for a
    scan, and `plugin` for the gate of a plug-in, which has no `argv`.
    """

    kind: GateKind
    argv: tuple[str, ...]
    timeout_seconds: int = 300
    env: tuple[str, ...] = ()
    security: SecurityRules | None = None
    limits: GateLimits = GateLimits()
    plugin: PluginChoice | None = None


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class SecuritySummary(_Value):
    """
    Counts of findings by severity, and the blocking findings. `findings` is the digest of
    the document with all of them, which is kept in the registry.
    """

    critical_count: int = Field(ge=0)
    high_count: int = Field(ge=0)
    medium_count: int = Field(ge=0)
    low_count: int = Field(ge=0)
    unknown_count: int = Field(ge=0)
    blocking_cves: tuple[str, ...] = ()
    ignored_unfixed: int = Field(default=0, ge=0)
    # Left out where no findings are kept, so that older records keep their bytes.
    findings: str | None = Field(
        default=None, pattern=r"^sha256:[0-9a-f]{64}$", exclude_if=lambda value: value is None
    )


class GateResult(_Value):
    """One gate's answer; `error` is there whenever it failed. Durations are milliseconds."""

    gate: GateKind
    status: GateStatus
    duration_ms: int = Field(default=0, ge=0)
    error: str | None = None
    details: dict[str, JsonValue] = Field(default_factory=dict)
    security_summary: SecuritySummary | None = None

    @property
    def waived(self) -> tuple[str, ...]:
        """The keys of the waivers without which it would have failed."""
        used = self.details.get("waived")
        uses = used if isinstance(used, list) else []
        return tuple(str(each["waiver"]) for each in uses if isinstance(each, dict))

    @property
    def exempted(self) -> bool:
        """Whether waivers or OpenVEX documents let findings pass; `error` names them."""
        return bool(self.details.get("waived") or self.details.get("openvex"))

    @model_validator(mode="after")
    def _require_error_of_failure(self) -> Self:
        if self.status is GateStatus.FAILED and not self.error:
            raise ValueError(f"gate {self.gate} failed without an error")
        return self

    @property
    def recorded(self) -> "GateResult":
        """The result as records have it."""
        return self


class ScanResult(GateResult):
    """The answer of a scan, with the document of its findings, which is no part of records."""

    document: bytes = Field(exclude=True, repr=False)

    @property
    def recorded(self) -> GateResult:
        return GateResult.model_validate(self.model_dump())
