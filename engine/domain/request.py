"""What somebody asks for. Built by `parsing`, which refuses what cannot be meant."""

from dataclasses import dataclass
from datetime import datetime

from engine.domain.artifact import Version
from engine.domain.operator import Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """
    Bring `version` from `source` (an environment, or `none`: from the build) to `target`.

    `asked_at` is when floe accepted the request, where it is carried out later than that.
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
    Let `target` follow a `version` again that was promoted there before; `asked_at` as in a
    promotion.
    """

    version: Version
    target: str
    operator: Operator
    trace_id: str
    reason: str
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LockRequest:
    """Stop promotions to `target`, for `for_seconds` or until it is unlocked."""

    target: str
    operator: Operator
    trace_id: str
    reason: str
    for_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Let promotions to `target` go on."""

    target: str
    operator: Operator
    trace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Put `latest` of `target` back to what the ledger says, after it was moved outside floe."""

    target: str
    operator: Operator
    trace_id: str
    reason: str = ""


Request = PromotionRequest | RollbackRequest | LockRequest | UnlockRequest | RestoreRequest
