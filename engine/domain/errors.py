"""
Errors that end a request.

The tree says meaning only: errors that share an exit code are not related by it. The table in
docs/reference/outputs.md is generated from it.
"""

from collections.abc import Mapping

Details = Mapping[str, object]


class PromotionError(Exception):
    """
    Any error that is shown to a person.

    `str(error)` is one sentence: the thing, the problem and the fix. `details` holds the same facts
    for programs. The class attributes are stable: scripts read them as `error.type` (`kind`),
    `error.reason_code`, exit code and HTTP status. A change that meets a `retryable` error stays
    open and is tried again.
    """

    kind: str = "PromotionError"
    reason_code: str = "unexpected"
    exit_code: int = 1
    http_status: int = 500
    retryable: bool = False

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__

    def __init__(self, message: str, details: Details | None = None) -> None:
        super().__init__(message)
        self.details: dict[str, object] = dict(details or {})


class ConfigError(PromotionError):
    """manifest.yaml cannot be used as written."""

    exit_code = 2
    reason_code = "configuration"


class UsageError(PromotionError):
    """The request cannot be understood."""

    exit_code = 2
    reason_code = "usage"
    http_status = 400


class UnconfiguredError(PromotionError):
    """The request needs a setting that manifest.yaml does not have."""

    exit_code = 2
    reason_code = "not_configured"
    http_status = 409


class ArtifactNotFoundError(PromotionError):
    """The version to promote is not in the registry."""

    exit_code = 3
    reason_code = "artifact_not_found"
    http_status = 404


class DeliveryNotFoundError(PromotionError):
    """No failed webhook delivery has that id."""

    exit_code = 3
    reason_code = "delivery_not_found"
    http_status = 404


class UnavailableError(PromotionError):
    """A system that floe depends on gave no usable answer, so nothing was decided."""

    exit_code = 5
    reason_code = "unavailable"
    http_status = 503
    retryable = True


class RegistryError(UnavailableError):
    """The registry, or the ledger in it, could not be read or written."""

    reason_code = "registry"


class RegistryUnavailableError(RegistryError):
    """The registry did not answer."""

    reason_code = "registry_unavailable"


class RegistryAccessError(RegistryError):
    """The registry refused the credentials (401) or the operation (403)."""

    reason_code = "registry_access"


class RegistryAnswerError(RegistryError):
    """The registry sent an answer that cannot be true, or does not fit the request."""

    reason_code = "registry_answer"


class ContentMissingError(RegistryAnswerError):
    """The registry lacks content that a manifest or a record names."""

    reason_code = "content_missing"


class RegistryRefusalError(RegistryAnswerError):
    """The registry, or a proxy in front of it, rejects this kind of request."""

    reason_code = "registry_refusal"


class LedgerUnreadableError(RegistryError):
    """The ledger exists but is corrupt: rules that need history refuse."""

    reason_code = "ledger_unreadable"


class AuditUnavailableError(UnavailableError):
    """A configured audit backend could not be written, so nothing took effect."""

    reason_code = "audit_unavailable"


class WitnessUnavailableError(UnavailableError):
    """A witness did not sign the newest entries of a ledger."""

    reason_code = "witness_unavailable"


class WitnessContradictionError(WitnessUnavailableError):
    """A witness has seen a history that the ledger contradicts."""

    reason_code = "witness_contradiction"


class StoreUnavailableError(UnavailableError):
    """The change store cannot be read or written."""

    reason_code = "store_unavailable"


class SigningUnavailableError(UnavailableError):
    """The key for ledger entries could not sign, so nothing was written."""

    reason_code = "signing_unavailable"


class TimestampUnavailableError(UnavailableError):
    """The timestamp authority did not issue a valid timestamp."""

    reason_code = "timestamp_unavailable"


class IdentityUnavailableError(UnavailableError):
    """The identity provider cannot be asked, so no permission was decided."""

    reason_code = "identity_unavailable"


class SignatureVerificationError(PromotionError):
    """The artifact's signature is missing, invalid or from an unexpected identity."""

    exit_code = 6
    reason_code = "signature"
    http_status = 422


class GateFailedError(PromotionError):
    """A gate failed, or did not finish in time."""

    exit_code = 8
    reason_code = "gate_failed"
    http_status = 422


class InvalidTransitionError(PromotionError):
    """The target is not the next environment on the path."""

    exit_code = 9
    reason_code = "invalid_transition"
    http_status = 422


class TagExistsError(PromotionError):
    """An immutable tag already points at another artifact."""

    exit_code = 10
    reason_code = "tag_exists"
    http_status = 409


class ConflictError(PromotionError):
    """Another request changes the environment, or the promoted artifact, at the same time."""

    exit_code = 10
    reason_code = "conflict"
    http_status = 409
    retryable = True


class OlderVersionError(PromotionError):
    """The environment runs a version of higher precedence."""

    exit_code = 10
    reason_code = "older_version"
    http_status = 409


class VersionNotPromotedError(PromotionError):
    """The version was never promoted into the source environment."""

    exit_code = 11
    reason_code = "version_not_promoted"
    http_status = 409


class RolledBackError(PromotionError):
    """The source environment was rolled back from the version."""

    exit_code = 11
    reason_code = "rolled_back"
    http_status = 409


class AuthorizationError(PromotionError):
    """The operator may not change this environment."""

    exit_code = 12
    reason_code = "unauthorized"
    http_status = 403


class SeparationOfDutiesError(AuthorizationError):
    """The operator already promoted this artifact into the source environment."""

    reason_code = "separation_of_duties"


class EnvironmentLockedError(PromotionError):
    """The environment is locked."""

    exit_code = 13
    reason_code = "environment_locked"
    http_status = 423


class ApprovalPendingError(PromotionError):
    """The change waits for the approval of another person."""

    exit_code = 14
    reason_code = "approval_pending"
    http_status = 202


class ChangeClosedError(PromotionError):
    """The change can no longer be decided: it has ended, or is being carried out."""

    exit_code = 15
    reason_code = "change_closed"
    http_status = 409


class RejectedError(ChangeClosedError):
    """An approver rejected the change."""

    reason_code = "rejected"


class ExpiredError(ChangeClosedError):
    """The change was not decided, or not carried out, in time."""

    reason_code = "expired"


class StaleError(ChangeClosedError):
    """The change no longer matches its approval, or a newer one was carried out before it."""

    # `details["differences"]` lists each difference.
    reason_code = "stale"


class SupersededError(ChangeClosedError):
    """A newer request for the same environment replaced the change."""

    reason_code = "superseded"


class CancelledError(ChangeClosedError):
    """The change was withdrawn."""

    reason_code = "cancelled"
