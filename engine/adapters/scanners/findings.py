"""What a scanner found, in words Trivy and Grype share."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from engine.domain.gate import Severity

_SEVERITIES = {severity.value: severity for severity in Severity} | {
    # Grype's word for what a distribution does not mean to fix.
    "NEGLIGIBLE": Severity.LOW,
    "": Severity.UNKNOWN,
}
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class ReportError(ValueError):
    """A report that cannot be believed: what was printed, and what would have been read."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One vulnerability in one package; `fixed` when a version without it is known."""

    id: str
    package: str
    version: str
    severity: Severity
    fixed: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """
    A report that was understood. `suppressed` is what its own configuration took out;
    `end_of_life` names the distribution when its maintainers stopped security updates.
    """

    vulnerabilities: tuple[Vulnerability, ...]
    secrets: int = 0
    misconfigurations: int = 0
    licenses: int = 0
    suppressed: int = 0
    end_of_life: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was said about one id in one package at one version, as often as it was said."""

    id: str
    package: str
    version: str
    severities: frozenset[Severity]
    fixed: bool

    @property
    def severity(self) -> Severity:
        """The worst that was said."""
        return min(self.severities, key=rank)

    @property
    def order(self) -> tuple[int, str, str, str]:
        return rank(self.severity), self.id, self.package, self.version


def rank(severity: Severity) -> int:
    """0 is the worst; UNKNOWN comes last."""
    return _RANKS[severity]


def distinct(vulnerabilities: Iterable[Vulnerability]) -> tuple[Finding, ...]:
    """Each id in a package at a version once, the worst first; one known fix is a fix."""
    severities: dict[tuple[str, str, str], set[Severity]] = {}
    fixed: dict[tuple[str, str, str], bool] = {}
    for each in vulnerabilities:
        key = (each.id, each.package, each.version)
        severities.setdefault(key, set()).add(each.severity)
        fixed[key] = fixed.get(key, False) or each.fixed
    found = (Finding(*key, frozenset(said), fixed[key]) for key, said in severities.items())
    return tuple(sorted(found, key=lambda finding: finding.order))


def _severity(word: object) -> object:
    if word is None:
        return Severity.UNKNOWN
    if not isinstance(word, str):
        return word
    severity = _SEVERITIES.get(word.upper())
    if severity is None:
        # Taken for UNKNOWN, a new word for CRITICAL would pass.
        raise ValueError(f"'{word[:40]}' is no severity known here")
    return severity


SeverityWord = Annotated[Severity, BeforeValidator(_severity)]
# What becomes part of a record and of messages is no longer than names of vulnerabilities are.
VulnerabilityId = Annotated[str, Field(min_length=1, max_length=256)]
