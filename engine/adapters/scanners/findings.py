"""Findings of a scanner, in a form shared by Trivy and Grype."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from engine.domain.gate import Severity

_SEVERITIES = {severity.value: severity for severity in Severity} | {
    # Grype's severity for vulnerabilities that a distribution does not plan to fix.
    "NEGLIGIBLE": Severity.LOW,
    "": Severity.UNKNOWN,
}
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class ReportError(ValueError):
    """A report cannot be used; the message has the reason and a hint."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One vulnerability in one package; `fixed` if a fixed version is known."""

    id: str
    package: str
    version: str
    severity: Severity
    fixed: bool


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


@dataclass(frozen=True, slots=True)
class Finding:
    """All vulnerabilities with one id in one version of a package, merged."""

    id: str
    package: str
    version: str
    severities: frozenset[Severity]
    fixed: bool

    @property
    def severity(self) -> Severity:
        """The worst of `severities`."""
        return min(self.severities, key=rank)

    @property
    def order(self) -> tuple[int, str, str, str]:
        return rank(self.severity), self.id, self.package, self.version


def rank(severity: Severity) -> int:
    """0 is the worst; UNKNOWN comes last."""
    return _RANKS[severity]


def distinct(vulnerabilities: Iterable[Vulnerability]) -> tuple[Finding, ...]:
    """Merge duplicates, the worst first; a fix in one of them counts."""
    severities: dict[tuple[str, str, str], set[Severity]] = {}
    fixed: dict[tuple[str, str, str], bool] = {}
    for each in vulnerabilities:
        key = (each.id, each.package, each.version)
        severities.setdefault(key, set()).add(each.severity)
        fixed[key] = fixed.get(key, False) or each.fixed
    found = (Finding(*key, frozenset(every), fixed[key]) for key, every in severities.items())
    return tuple(sorted(found, key=lambda finding: finding.order))


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
