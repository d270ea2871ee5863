"""Grype's JSON, from the first releases on."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.adapters.scanners.findings import (
    Scan,
    SeverityWord,
    Vulnerability,
    VulnerabilityId,
)
from engine.domain.gate import Severity

# What Grype's own --only-fixed leaves out; a word that is not among them is not known to mean
# that there is no fix.
_UNFIXED = frozenset({"", "unknown", "not-fixed", "wont-fix"})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Entry(_Part):
    """Something that is only counted."""


class _Fix(_Part):
    state: str | None = None
    versions: list[str] | None = None

    @property
    def known(self) -> bool:
        return bool(self.versions) or (self.state or "") not in _UNFIXED


class _Vulnerability(_Part):
    id: VulnerabilityId
    severity: SeverityWord = Severity.UNKNOWN
    fix: _Fix | None = None
    # Where the fix stood before there was `fix`.
    fixed_in_version: str | None = Field(default=None, alias="fixedInVersion")

    @property
    def fixed(self) -> bool:
        return bool(self.fixed_in_version) or (self.fix is not None and self.fix.known)


class _Artifact(_Part):
    name: VulnerabilityId
    version: str | None = None


class _Match(_Part):
    vulnerability: _Vulnerability
    artifact: _Artifact

    @property
    def shared(self) -> Vulnerability:
        found, package = self.vulnerability, self.artifact
        version = package.version or ""
        return Vulnerability(found.id, package.name, version, found.severity, found.fixed)


class _Descriptor(_Part):
    name: Literal["grype"]


class _Report(_Part):
    matches: list[_Match]
    ignored: list[_Entry] | None = Field(default=None, alias="ignoredMatches")
    descriptor: _Descriptor | None = None

    @model_validator(mode="after")
    def _nothing_is_said_by_grype(self) -> Self:
        # Matches have a shape of their own; an empty list could be anybody's.
        if not self.matches and self.descriptor is None:
            raise ValueError("it lists no matches and no descriptor says that it is Grype's")
        return self


def read(report: bytes) -> Scan:
    """What `report` says; ValidationError when it is no report of Grype's."""
    found = _Report.model_validate_json(report)
    return Scan(
        vulnerabilities=tuple(match.shared for match in found.matches),
        suppressed=len(found.ignored or ()),
    )
