"""The input and the results of policies (CEL rules about an artifact)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.domain.manifest import Manifest


@dataclass(frozen=True, slots=True)
class PolicySubject:
    """
    The artifact that a policy judges, on its way from `source` to `target` as `version`.

    `blob(digest, limit)` is `RegistryReader.blob`; its errors are not caught.
    """

    manifest: Manifest
    version: str
    source: str
    target: str
    blob: Callable[[str, int], bytes]


@dataclass(frozen=True, slots=True)
class PolicyViolation:
    """A policy that the artifact violates; severity `error` blocks, `warning` is only shown."""

    policy: str
    severity: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        return f"{self.policy}: {self.message}"


@dataclass(frozen=True, slots=True)
class EnforcementResult:
    """The violations of an artifact, in the order of the policies."""

    violations: tuple[PolicyViolation, ...]
    # The packages and versions of the plug-ins that judged.
    plugins: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return all(violation.severity == "warning" for violation in self.violations)
