"""Requests of operators. `parsing` builds them and refuses invalid input."""

from dataclasses import dataclass
from datetime import datetime

from engine.domain.artifact import Version
from engine.domain.operator import Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.public_key import KeyReference, PublicKey


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """
    Promote `version` from `source` (an environment, or `none` for the build) to `target`.

    `asked_at` is the time when floe accepted the request, if it carries it out later.
    """

    version: Version
    source: str
    target: str
    operator: Operator
    trace_id: str
    asked_at: datetime | None = None
    overrides: Overrides = NO_OVERRIDES


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """
    Return `target` to a `version` that was promoted there before.

    `asked_at` is the time when floe accepted the request, if it carries it out later.
    """

    version: Version
    target: str
    operator: Operator
    trace_id: str
    reason: str
    asked_at: datetime | None = None


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
class RotateRequest:
    """Trust the keys in `add` for later entries of `target`, and no longer those in `retire`."""

    target: str
    operator: Operator
    trace_id: str
    reason: str
    add: tuple[PublicKey, ...]
    retire: tuple[KeyReference, ...]


Request = (
    PromotionRequest
    | RollbackRequest
    | LockRequest
    | UnlockRequest
    | RestoreRequest
    | AcknowledgeRequest
    | RotateRequest
)
