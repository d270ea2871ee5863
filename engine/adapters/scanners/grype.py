"""Parses Grype's JSON reports, from its first releases on."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.adapters.scanners.findings import (
    Scan,
    SeverityWord,
    Vulnerability,
    VulnerabilityId,
)
from engine.domain.gate import Severity

# The states that Grype's own --only-fixed leaves out; other states count as fixed.
_UNFIXED = frozenset({"", "unknown", "not-fixed", "wont-fix"})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Entry(_Part):
    """An entry that is only counted."""


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
    # Used by releases before `fix`.
    fixed_in_version: str | None = Field(default=None, alias="fixedInVersion")

    @property
    def fixed(self) -> bool:
        return bool(self.fixed_in_version) or (self.fix is not None and self.fix.known)


class _Artifact(_Part):
    name: VulnerabilityId
    version: str | None = None
    purl: str | None = None


class _Related(_Part):
    id: str = ""


class _Match(_Part):
    vulnerability: _Vulnerability
    artifact: _Artifact
    related: list[_Related] | None = Field(default=None, alias="relatedVulnerabilities")

    @property
    def shared(self) -> Vulnerability:
        found, package = self.vulnerability, self.artifact
        return Vulnerability(
            found.id,
            package.name,
            package.version or "",
            found.severity,
            found.fixed,
            tuple(each.id for each in self.related or ()),
            package.purl or None,
        )


class _Distribution(_Part):
    name: str | None = None
    version: str | None = None

    @property
    def title(self) -> str:
        return " ".join(filter(None, (self.name, self.version))) or "the distribution"


class _Alert(_Part):
    type: str | None = None
    # Other types of alerts have metadata of another shape.
    metadata: object = None

    @property
    def ended(self) -> str | None:
        """The distribution, if the alert reports its end of life."""
        if self.type != "distro-eol":
            return None
        known = self.metadata if isinstance(self.metadata, dict) else {}
        return _Distribution.model_validate(known).title


class _PackageAlerts(_Part):
    alerts: list[_Alert] | None = None


class _Descriptor(_Part):
    name: Literal["grype"]


class _Report(_Part):
    matches: list[_Match]
    ignored: list[_Entry] | None = Field(default=None, alias="ignoredMatches")
    descriptor: _Descriptor | None = None
    alerts: list[_PackageAlerts] | None = Field(default=None, alias="alertsByPackage")

    @model_validator(mode="after")
    def _is_from_grype(self) -> Self:
        # Matches have a distinctive shape; an empty list does not identify a Grype report.
        if not self.matches and self.descriptor is None:
            raise ValueError("it has neither matches nor a descriptor of Grype")
        return self


def read(report: bytes) -> Scan:
    """Parse `report`; ValidationError if it is not a report of Grype."""
    found = _Report.model_validate_json(report)
    return Scan(
        vulnerabilities=tuple(match.shared for match in found.matches),
        suppressed=len(found.ignored or ()),
        end_of_life=_end_of_life(found.alerts or ()),
    )


def _end_of_life(packages: Sequence[_PackageAlerts]) -> str | None:
    """The distribution in the first end-of-life alert; Grype repeats it for each package."""
    alerts = (alert for package in packages for alert in package.alerts or ())
    return next((alert.ended for alert in alerts if alert.ended), None)
