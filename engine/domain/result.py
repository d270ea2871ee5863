"""The results of requests."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry
from engine.domain.plan import Effect, Plan
from engine.domain.record import AnyRecord, RegistrySync

_COMPLETED = (
    "an earlier run recorded this change and was interrupted before its last steps; "
    "it is completed now"
)


class Ending(StrEnum):
    """The `outcome` of a JSON answer."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    ACKNOWLEDGED = "acknowledged"
    ROTATED = "rotated"
    WAIVED = "waived"
    UNWAIVED = "unwaived"
    REVIEWED = "reviewed"
    RELEASED = "released"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """
    The result of one request.

    `record` is the committed record of a request that took effect, `error` the reason of one that
    did not. `entry` is the ledger entry of the record, if this run wrote or completed it.
    `registry_sync` has the results on the secondaries.
    """

    plan: Plan
    outcome: Ending
    record: AnyRecord | None = None
    error: PromotionError | None = None
    warnings: tuple[str, ...] = ()
    entry: LedgerEntry | None = None
    registry_sync: tuple[RegistrySync, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether the record has a verified identity; False without a record."""
        return self.record is not None and self.record.identity_verified


def unchanged_result(
    plan: Plan, ending: Ending, entry: LedgerEntry | None, warnings: tuple[str, ...]
) -> Result:
    """The result of a request whose record, in `entry`, is on the ledger already."""
    if plan.effect is Effect.NOTHING:
        return Result(plan, Ending.UNCHANGED, plan.committed, warnings=warnings)
    return Result(plan, ending, plan.committed, warnings=(_COMPLETED, *warnings), entry=entry)
