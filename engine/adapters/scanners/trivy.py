"""Parses Trivy's JSON reports: schema 2, and the list of results before it."""

from collections.abc import Iterator, Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from engine.adapters.scanners.findings import (
    Scan,
    SeverityWord,
    Vulnerability,
    VulnerabilityId,
)
from engine.domain.gate import Severity

# https://github.com/aquasecurity/trivy-db/blob/main/pkg/types/status.go: all but `fixed`. Other
# statuses count as fixed.
_UNFIXED = frozenset(
    {
        "",
        "unknown",
        "not_affected",
        "affected",
        "under_investigation",
        "will_not_fix",
        "fix_deferred",
        "end_of_life",
    }
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Entry(_Part):
    """An entry that is only counted; the text of secrets is never read."""


class _Misconfiguration(_Part):
    status: str = Field(default="FAIL", alias="Status")

    @property
    def failed(self) -> bool:
        """Whether the check failed; reports also list passed checks."""
        return self.status not in ("PASS", "EXCEPTION")


class _Identifier(_Part):
    purl: str | None = Field(default=None, alias="PURL")


class _Vulnerability(_Part):
    # Entries of the old list may have no id, only the package.
    id: VulnerabilityId | None = Field(default=None, alias="VulnerabilityID")
    package: VulnerabilityId | None = Field(default=None, alias="PkgName")
    installed: str = Field(default="", alias="InstalledVersion")
    fixed_version: str = Field(default="", alias="FixedVersion")
    status: str = Field(default="", alias="Status")
    severity: SeverityWord = Field(default=Severity.UNKNOWN, alias="Severity")
    # Ids of the source, like GHSA-…, and of advisories.
    vendor_ids: list[str] | None = Field(default=None, alias="VendorIDs")
    identifier: _Identifier | None = Field(default=None, alias="PkgIdentifier")

    @model_validator(mode="after")
    def _has_id_or_package(self) -> Self:
        if self.id is None and self.package is None:
            raise ValueError("has neither a vulnerability nor a package")
        return self

    @property
    def shared(self) -> Vulnerability:
        package = self.package or ""
        fixed = bool(self.fixed_version) or self.status not in _UNFIXED
        name = self.id or f"(no id) {package}"
        return Vulnerability(
            name,
            package,
            self.installed,
            self.severity,
            fixed,
            tuple(self.vendor_ids or ()),
            (self.identifier and self.identifier.purl) or None,
        )


class _Result(_Part):
    target: str = Field(alias="Target")
    vulnerabilities: list[_Vulnerability] | None = Field(default=None, alias="Vulnerabilities")
    misconfigurations: list[_Misconfiguration] | None = Field(
        default=None, alias="Misconfigurations"
    )
    secrets: list[_Entry] | None = Field(default=None, alias="Secrets")
    licenses: list[_Entry] | None = Field(default=None, alias="Licenses")
    suppressed: list[_Entry] | None = Field(default=None, alias="ExperimentalModifiedFindings")


class _OperatingSystem(_Part):
    family: str = Field(default="", alias="Family")
    name: str = Field(default="", alias="Name")
    ended: bool = Field(default=False, alias="EOSL")

    @property
    def title(self) -> str:
        return f"{self.family} {self.name}".strip() or "the distribution"


class _Metadata(_Part):
    os: _OperatingSystem | None = Field(default=None, alias="OS")


class _Report(_Part):
    schema_version: Literal[2] = Field(alias="SchemaVersion")
    # In every report; distinguishes reports from other documents with a schema version.
    artifact_type: str = Field(alias="ArtifactType", min_length=1)
    # Trivy leaves it out when the target is clean.
    results: list[_Result] | None = Field(default=None, alias="Results")
    metadata: _Metadata | None = Field(default=None, alias="Metadata")

    @property
    def end_of_life(self) -> str | None:
        """The distribution, if it is past its end of service life."""
        system = self.metadata.os if self.metadata else None
        return system.title if system and system.ended else None


_OLD: TypeAdapter[list[_Result] | None] = TypeAdapter(list[_Result] | None)


def read(report: bytes) -> Scan:
    """Parse `report`; ValidationError if it is not a report of Trivy."""
    # Before schema 2 the document was a list, or `null` if there were no results.
    if report.lstrip()[:1] in (b"[", b"n"):
        return _scan(_OLD.validate_json(report) or [])
    found = _Report.model_validate_json(report)
    return _scan(found.results or [], found.end_of_life)


def _scan(results: Sequence[_Result], end_of_life: str | None = None) -> Scan:
    return Scan(
        vulnerabilities=tuple(_vulnerabilities(results)),
        secrets=sum(len(result.secrets or ()) for result in results),
        misconfigurations=sum(
            each.failed for result in results for each in result.misconfigurations or ()
        ),
        licenses=sum(len(result.licenses or ()) for result in results),
        suppressed=sum(len(result.suppressed or ()) for result in results),
        end_of_life=end_of_life,
    )


def _vulnerabilities(results: Sequence[_Result]) -> Iterator[Vulnerability]:
    for result in results:
        for each in result.vulnerabilities or ():
            yield each.shared
