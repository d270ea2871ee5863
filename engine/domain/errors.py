"""
Every way a request can end badly, and the exit code scripts rely on.

* PromotionError .................. 1
  x ConfigError ................... 2
    - UsageError .................. 2
    - UnconfiguredError ........... 2
  x ArtifactNotFoundError ......... 3
    - DeliveryNotFoundError ....... 3
  x RegistryUnavailableError ...... 5
    - RegistryAccessError ......... 5
    - RegistryAnswerError ......... 5
      o ContentMissingError ....... 5
      o RegistryRefusalError ...... 5
    - LedgerUnreadableError ....... 5
  x AuditUnavailableError ......... 5
  x StoreUnavailableError ......... 5
  x IdentityUnavailableError ...... 5
  x SignatureVerificationError .... 6
  x GateFailedError ............... 8
  x InvalidTransitionError ........ 9
  x TagExistsError ............... 10
    - ConflictError .............. 10
    - OlderVersionError .......... 10
  x VersionNotPromotedError ...... 11
    - RolledBackError ............ 11
  x AuthorizationError ........... 12
    - SeparationOfDutiesError .... 12
  x EnvironmentLockedError ....... 13
  x ApprovalPendingError ......... 14
  x ChangeClosedError ............ 15
    - StaleError ................. 15
    - ExpiredError ............... 15
"""

from collections.abc import Mapping

Details = Mapping[str, object]


class PromotionError(Exception):
    """
    Base of every error a caller is expected to show to a person.

    `str(error)` is one sentence that names the thing, the fact and the way out. `exit_code` and
    `reason_code` are stable; `details` holds the same facts for programs.
    """

    exit_code: int = 1
    reason_code: str = "unexpected"

    def __init__(self, message: str, details: Details | None = None) -> None:
        super().__init__(message)
        self.details: dict[str, object] = dict(details or {})


class ConfigError(PromotionError):
    """manifest.yaml cannot be used as written."""

    exit_code = 2
    reason_code = "configuration"


class UsageError(ConfigError):
    """What was asked for cannot be understood."""

    reason_code = "usage"


class UnconfiguredError(ConfigError):
    """The request needs a setting that manifest.yaml does not have."""

    reason_code = "not_configured"


class ArtifactNotFoundError(PromotionError):
    """The version to promote is not in the registry."""

    exit_code = 3
    reason_code = "artifact_not_found"


class DeliveryNotFoundError(ArtifactNotFoundError):
    """No message to a webhook of that id was given up."""

    reason_code = "delivery_not_found"


class RegistryUnavailableError(PromotionError):
    """The registry did not answer; nothing can be said about the request."""

    exit_code = 5
    reason_code = "registry_unavailable"


class RegistryAccessError(RegistryUnavailableError):
    """The registry refused our credentials (401) or what they may do (403)."""

    reason_code = "registry_access"


class RegistryAnswerError(RegistryUnavailableError):
    """The registry answered something that cannot be true, or not what was asked for."""

    reason_code = "registry_answer"


class ContentMissingError(RegistryAnswerError):
    """The registry does not have content that something in it names."""

    reason_code = "content_missing"


class RegistryRefusalError(RegistryAnswerError):
    """The registry, or a proxy before it, does not do what it is asked to, whatever is in it."""

    reason_code = "registry_refusal"


class LedgerUnreadableError(RegistryUnavailableError):
    """The ledger is there but is not a ledger: rules that need history refuse."""

    reason_code = "ledger_unreadable"


class AuditUnavailableError(PromotionError):
    """A configured audit backend could not be written, so nothing took effect."""

    exit_code = 5
    reason_code = "audit_unavailable"


class StoreUnavailableError(PromotionError):
    """The store of changes cannot be read or written; nothing was decided."""

    exit_code = 5
    reason_code = "store_unavailable"


class IdentityUnavailableError(PromotionError):
    """Whoever vouches for somebody cannot be asked now; nothing was decided about what they may."""

    exit_code = 5
    reason_code = "identity_unavailable"


class SignatureVerificationError(PromotionError):
    """The artifact's signature is missing, invalid or from an unexpected identity."""

    exit_code = 6
    reason_code = "signature"


class GateFailedError(PromotionError):
    """A gate ran and said no, or did not finish in time."""

    exit_code = 8
    reason_code = "gate_failed"


class InvalidTransitionError(PromotionError):
    """The target is not the next environment on the path."""

    exit_code = 9
    reason_code = "invalid_transition"


class TagExistsError(PromotionError):
    """An immutable tag already points at another artifact."""

    exit_code = 10
    reason_code = "tag_exists"


class ConflictError(TagExistsError):
    """Somebody else changed the environment, or what is being promoted, at the same time."""

    reason_code = "conflict"


class OlderVersionError(TagExistsError):
    """The environment runs a version of higher precedence."""

    reason_code = "older_version"


class VersionNotPromotedError(PromotionError):
    """The version was never promoted into the environment it would come from."""

    exit_code = 11
    reason_code = "version_not_promoted"


class RolledBackError(VersionNotPromotedError):
    """The environment it would come from was rolled back from the version."""

    reason_code = "rolled_back"


class AuthorizationError(PromotionError):
    """The operator may not change this environment."""

    exit_code = 12
    reason_code = "unauthorized"


class SeparationOfDutiesError(AuthorizationError):
    """The operator already promoted this artifact into the source environment."""

    reason_code = "separation_of_duties"


class EnvironmentLockedError(PromotionError):
    """The environment is frozen."""

    exit_code = 13
    reason_code = "environment_locked"


class ApprovalPendingError(PromotionError):
    """The change waits for somebody else to agree."""

    exit_code = 14
    reason_code = "approval_pending"


class ChangeClosedError(PromotionError):
    """The change was rejected, expired, superseded or became stale."""

    exit_code = 15
    reason_code = "change_closed"


class StaleError(ChangeClosedError):
    """What would be done is not what was agreed to any more, or is older than what was done."""

    reason_code = "stale"


class ExpiredError(ChangeClosedError):
    """The change was not decided, or not carried out, in time."""

    reason_code = "expired"
