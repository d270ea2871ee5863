"""How a request ended."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry
from engine.domain.plan import Plan
from engine.domain.record import AnyRecord, RegistrySync


class Ending(StrEnum):
    """The `outcome` of a JSON answer."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """
    The end of one request: what was judged, what was recorded, and why it was not done if it was
    not. `record` is the committed record; it is there whenever something took effect. `entry` is
    where it lies in the ledger, for changes; `registry_sync` how the secondaries ended up.
    """

    plan: Plan
    outcome: Ending
    record: AnyRecord | None = None
    error: PromotionError | None = None
    warnings: tuple[str, ...] = ()
    entry: LedgerEntry | None = None
    registry_sync: tuple[RegistrySync, ...] = ()
