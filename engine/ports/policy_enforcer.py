"""The policies of manifest.yaml, whoever evaluates them."""

from typing import Protocol

from engine.domain.policy import EnforcementResult, PolicySubject


class PolicyEnforcer(Protocol):
    def enforce(self, subject: PolicySubject) -> EnforcementResult:
        """
        Judge by every policy; the verdict is the same in a dry run. A policy that cannot be
        evaluated is a violation that blocks. Only a registry that cannot be read is an error.
        """
        ...


class NoPolicies:
    """Implements `PolicyEnforcer` where none are configured: the baseline rules remain."""

    def enforce(self, subject: PolicySubject) -> EnforcementResult:  # noqa: ARG002 - the port's shape
        return EnforcementResult(())
