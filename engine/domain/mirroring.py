"""What `sync` found on the secondaries, and what it put right."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.errors import PromotionError


class SyncStatus(StrEnum):
    IN_SYNC = "in_sync"  # nothing was missing
    REPAIRED = "repaired"
    FAILED = "failed"


@dataclass(frozen=True)
class EnvironmentSync:
    """
    One environment on one secondary: `changed` names the tags that were written and the artifacts
    whose referrers were listed again; `sent` counts the bytes of blobs. What could not be put
    right is in `errors`. `record` is the id of the record of what ran there, where that was read.
    """

    registry: str
    environment: str
    changed: tuple[str, ...] = ()
    sent: int = 0
    errors: tuple[PromotionError, ...] = ()
    record: str | None = None

    @property
    def status(self) -> SyncStatus:
        if self.errors:
            return SyncStatus.FAILED
        return SyncStatus.REPAIRED if self.changed or self.sent else SyncStatus.IN_SYNC


@dataclass(frozen=True)
class SyncReport:
    """`relisted` counts the records the primary's own list of referrers had lost."""

    environments: tuple[EnvironmentSync, ...]
    relisted: int = 0

    @property
    def error(self) -> PromotionError | None:
        """The first thing that could not be put right."""
        return next((error for each in self.environments for error in each.errors), None)
