"""
Promote OCI artifacts from Python: open a platform, plan, promote, roll back, lock, and read.

docs/python.md shows the use. Names in `__all__` and their signatures are stable.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.domain.errors import (
        ApprovalPendingError,
        ArtifactNotFoundError,
        AuditUnavailableError,
        AuthorizationError,
        CancelledError,
        ChangeClosedError,
        ConfigError,
        ConflictError,
        ContentMissingError,
        DeliveryNotFoundError,
        EnvironmentLockedError,
        ExpiredError,
        GateFailedError,
        IdentityUnavailableError,
        InvalidTransitionError,
        LedgerUnreadableError,
        OlderVersionError,
        PromotionError,
        RegistryAccessError,
        RegistryAnswerError,
        RegistryError,
        RegistryRefusalError,
        RegistryUnavailableError,
        RejectedError,
        RolledBackError,
        SeparationOfDutiesError,
        SignatureVerificationError,
        SigningUnavailableError,
        StaleError,
        StoreUnavailableError,
        SupersededError,
        TagExistsError,
        TimestampUnavailableError,
        UnavailableError,
        UnconfiguredError,
        UsageError,
        VersionNotPromotedError,
        WitnessContradictionError,
        WitnessUnavailableError,
    )
    from engine.domain.finding import Finding, Outcome
    from engine.domain.gate import GateResult, GateStatus
    from engine.domain.release_errors import QuarantinedError, ReviewOverdueError, WindowClosedError
    from engine.domain.result import Ending
    from engine.domain.status import Alignment
    from engine.responses.change import ChangeResponse
    from engine.responses.common import ErrorInfo
    from engine.responses.freeze import LockResponse, UnlockResponse
    from engine.responses.promotion import PromotionResponse
    from engine.responses.record import RecordResponse
    from engine.responses.rollback import RollbackResponse
    from engine.responses.status import EnvironmentResponse
    from floe.platform import Platform, open_platform

__all__ = [
    "Alignment",
    "ApprovalPendingError",
    "ArtifactNotFoundError",
    "AuditUnavailableError",
    "AuthorizationError",
    "CancelledError",
    "ChangeClosedError",
    "ChangeResponse",
    "ConfigError",
    "ConflictError",
    "ContentMissingError",
    "DeliveryNotFoundError",
    "Ending",
    "EnvironmentLockedError",
    "EnvironmentResponse",
    "ErrorInfo",
    "ExpiredError",
    "Finding",
    "GateFailedError",
    "GateResult",
    "GateStatus",
    "IdentityUnavailableError",
    "InvalidTransitionError",
    "LedgerUnreadableError",
    "LockResponse",
    "OlderVersionError",
    "Outcome",
    "Platform",
    "PromotionError",
    "PromotionResponse",
    "QuarantinedError",
    "RecordResponse",
    "RegistryAccessError",
    "RegistryAnswerError",
    "RegistryError",
    "RegistryRefusalError",
    "RegistryUnavailableError",
    "RejectedError",
    "ReviewOverdueError",
    "RollbackResponse",
    "RolledBackError",
    "SeparationOfDutiesError",
    "SignatureVerificationError",
    "SigningUnavailableError",
    "StaleError",
    "StoreUnavailableError",
    "SupersededError",
    "TagExistsError",
    "TimestampUnavailableError",
    "UnavailableError",
    "UnconfiguredError",
    "UnlockResponse",
    "UsageError",
    "VersionNotPromotedError",
    "WindowClosedError",
    "WitnessContradictionError",
    "WitnessUnavailableError",
    "open_platform",
]

# In the order of the search for a name: light modules first.
_MODULES = (
    "engine.domain.errors",
    "engine.domain.release_errors",
    "engine.domain.finding",
    "engine.domain.gate",
    "engine.domain.result",
    "engine.domain.status",
    "floe.platform",
    "engine.responses.common",
)


def __getattr__(name: str) -> Any:
    """Import the module that has `name`: `import floe` itself loads nothing else."""
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
