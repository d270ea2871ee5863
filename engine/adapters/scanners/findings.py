"""Findings of a scanner, in a form shared by Trivy and Grype."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from engine.domain.gate import Severity
from engine.domain.purl import common_purl
from engine.domain.scan import ScanFinding

_SEVERITIES = {severity.value: severity for severity in Severity} | {
    # Grype's severity for vulnerabilities that a distribution does not plan to fix.
    "NEGLIGIBLE": Severity.LOW,
    "": Severity.UNKNOWN,
}
# Ids of single vulnerabilities. An advisory, like RHSA-2023:7836, is about several of them.
_ALIAS = re.compile(r"(CVE|GHSA|GO|PYSEC|RUSTSEC|GMS|OSV|HSEC|MAL|BIT)-", re.ASCII)


class ReportError(ValueError):
    """A report cannot be used; the message has the reason and a hint."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """
    One vulnerability in one package; `fixed` if a fixed version is known. `aliases` may have ids of
    advisories too.
    """

    id: str
    package: str
    version: str
    severity: Severity
    fixed: bool
    aliases: tuple[str, ...] = ()
    purl: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """
    A parsed report. `suppressed` counts the findings that the scanner's configuration removed;
    `end_of_life` is the distribution if it gets no security updates any more.
    """

    vulnerabilities: tuple[Vulnerability, ...]
    secrets: int = 0
    misconfigurations: int = 0
    licenses: int = 0
    suppressed: int = 0
    end_of_life: str | None = None


def distinct(vulnerabilities: Iterable[Vulnerability]) -> tuple[ScanFinding, ...]:
    """Merge duplicates, the worst first; a fix in one of them counts."""
    same: dict[tuple[str, str, str], list[Vulnerability]] = {}
    for each in vulnerabilities:
        same.setdefault((each.id, each.package, each.version), []).append(each)
    return tuple(sorted(map(_merge, same.values()), key=lambda finding: finding.order))


def _merge(same: Sequence[Vulnerability]) -> ScanFinding:
    first = same[0]
    named = {name for each in same for name in each.aliases if _ALIAS.match(name)}
    # The ids in an advisory are other vulnerabilities: a waiver of one is none of the advisory.
    aliases = named if _ALIAS.match(first.id) else set[str]()
    return ScanFinding(
        id=first.id,
        package=first.package,
        version=first.version,
        severities=frozenset(each.severity for each in same),
        fixed=any(each.fixed for each in same),
        aliases=tuple(sorted(aliases - {first.id})),
        purl=common_purl(each.purl for each in same),
    )


def _severity(word: object) -> object:
    if word is None:
        return Severity.UNKNOWN
    if not isinstance(word, str):
        return word
    severity = _SEVERITIES.get(word.upper())
    if severity is None:
        # As UNKNOWN, a new name for CRITICAL would pass.
        raise ValueError(f"'{word[:40]}' is not a known severity")
    return severity


SeverityWord = Annotated[Severity, BeforeValidator(_severity)]
# Limited, since it becomes part of records and messages.
VulnerabilityId = Annotated[str, Field(min_length=1, max_length=256)]
