"""Findings: the results of checks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from engine.domain.errors import Details, PromotionError


class Outcome(StrEnum):
    """The result of a check; only `blocked` stops the operation."""

    PASSED = "passed"
    WARNED = "warned"
    BLOCKED = "blocked"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The result of one check, with a sentence for the operator.

    `error` is the class of the error that a blocking finding raises, `details` has its facts for
    programs.
    """

    check: str
    outcome: Outcome
    reason: str
    error: type[PromotionError] | None = None
    details: Details = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        return self.outcome is Outcome.BLOCKED


def first_error(findings: Iterable[Finding]) -> PromotionError | None:
    """Build the error of the first blocking finding; the order of the checks sets the exit code."""
    for finding in findings:
        if finding.error is not None:
            return finding.error(finding.reason, finding.details)
    return None


def passed(check: str, reason: str) -> Finding:
    return Finding(check, Outcome.PASSED, reason)


def warned(check: str, reason: str) -> Finding:
    return Finding(check, Outcome.WARNED, reason)


def skipped(check: str, reason: str) -> Finding:
    return Finding(check, Outcome.SKIPPED, reason)


def blocked(
    check: str, reason: str, error: type[PromotionError], details: Details | None = None
) -> Finding:
    return Finding(check, Outcome.BLOCKED, reason, error, details or {})
