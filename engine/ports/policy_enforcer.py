"""The evaluation of the policies in manifest.yaml."""

from typing import Protocol

from engine.domain.policy import EnforcementResult, PolicySubject


class PolicyEnforcer(Protocol):
    """Evaluates policies about an artifact."""

    def enforce(self, subject: PolicySubject) -> EnforcementResult:
        """
        Evaluate all policies, in dry runs too.

        A policy that cannot be evaluated is a violation that blocks. RegistryUnavailableError if
        the registry cannot be read.
        """
        ...


class NoPolicies:
    """Implements `PolicyEnforcer` without policies; the baseline rules remain."""

    def enforce(self, subject: PolicySubject) -> EnforcementResult:  # noqa: ARG002 - the port's shape
        return EnforcementResult(())
