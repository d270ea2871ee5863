"""Requests of operators. `parsing` builds them and refuses invalid input."""

from dataclasses import dataclass
from datetime import datetime

from engine.domain.artifact import Version
from engine.domain.operator import Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.public_key import KeyReference, PublicKey
from engine.domain.waiver import WaiverTerms


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """
    Promote `version` from `source` (see `PromotionPath.source`) to `target`.

    `asked_at` is the time when floe accepted the request, if it carries it out later, and
    `scheduled_at` the time at which it should do so. `waived` has the keys of the waivers that its
    gates used.
    """

    version: Version
    source: str
    target: str
    operator: Operator
    trace_id: str
    asked_at: datetime | None = None
    overrides: Overrides = NO_OVERRIDES
    waived: tuple[str, ...] = ()
    scheduled_at: datetime | None = None

    @property
    def subject(self) -> str:
        """The version that a change shows, or the vulnerability of a waiver."""
        return str(self.version)

    @property
    def break_glass(self) -> str | None:
        """The incident for which it skips rules; None for a change that follows all rules."""
        return self.overrides.incident or None


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """
    Return `target` to a `version` that was promoted there before.

    `asked_at` is the time when floe accepted the request, if it carries it out later. `break_glass`
    is the incident for which it skips rules. With `quarantine` the version that is left cannot be
    promoted again until it is released.
    """

    version: Version
    target: str
    operator: Operator
    trace_id: str
    reason: str
    asked_at: datetime | None = None
    break_glass: str | None = None
    quarantine: bool = True

    @property
    def subject(self) -> str:
        return str(self.version)


@dataclass(frozen=True, slots=True)
class LockRequest:
    """Lock `target` for `for_seconds`, or until it is unlocked."""

    target: str
    operator: Operator
    trace_id: str
    reason: str
    for_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Unlock `target`."""

    target: str
    operator: Operator
    trace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Move `latest` of `target` back to the artifact on the ledger, after a drift."""

    target: str
    operator: Operator
    trace_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AcknowledgeRequest:
    """Acknowledge the number `sequence` in the ledger of `target`, whose content does not count."""

    target: str
    operator: Operator
    trace_id: str
    reason: str
    sequence: int


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """End the quarantine of `version` in `target`."""

    target: str
    operator: Operator
    trace_id: str
    reason: str
    version: Version


@dataclass(frozen=True, slots=True)
class RotateRequest:
    """Trust the keys in `add` for later entries of `target`, and no longer those in `retire`."""

    target: str
    operator: Operator
    trace_id: str
    reason: str
    add: tuple[PublicKey, ...]
    retire: tuple[KeyReference, ...]


@dataclass(frozen=True, slots=True)
class WaiveRequest:
    """
    Let the vulnerability of `terms` pass the security gates of `target`.

    `asked_at` is the time when floe accepted the request, if it carries it out later.
    """

    terms: WaiverTerms
    target: str
    operator: Operator
    trace_id: str
    reason: str
    asked_at: datetime | None = None

    @property
    def subject(self) -> str:
        return self.terms.vulnerability


@dataclass(frozen=True, slots=True)
class UnwaiveRequest:
    """End the waiver of `vulnerability` (in `package`, if it was waived there only) early."""

    vulnerability: str
    package: str | None
    target: str
    operator: Operator
    trace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """Accept the break-glass in the record `record` of `target`, or object to it."""

    target: str
    operator: Operator
    trace_id: str
    reason: str
    record: str
    accepted: bool = True


# The requests that become changes, since they may need approvals.
ChangeRequest = PromotionRequest | RollbackRequest | WaiveRequest
Request = (
    PromotionRequest
    | RollbackRequest
    | LockRequest
    | UnlockRequest
    | RestoreRequest
    | AcknowledgeRequest
    | RotateRequest
    | WaiveRequest
    | UnwaiveRequest
    | ReviewRequest
    | ReleaseRequest
)
