"""The results of `sync`: differences found and repaired on the secondaries."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.errors import PromotionError


class SyncStatus(StrEnum):
    """The result for one environment on one secondary."""

    IN_SYNC = "in_sync"  # nothing was missing
    REPAIRED = "repaired"
    FAILED = "failed"


@dataclass(frozen=True)
class EnvironmentSync:
    """
    One environment on one secondary.

    `changed` names the tags that were written and the artifacts whose referrers were listed again;
    `sent` counts the bytes of blobs. `errors` has the differences that could not be repaired.
    `record` is the id of the record of the running version, if it was read.
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
    """The result of a `sync`; `relisted` counts records missing in the primary's referrers."""

    environments: tuple[EnvironmentSync, ...]
    relisted: int = 0

    @property
    def error(self) -> PromotionError | None:
        """The first difference that could not be repaired; None if all were."""
        return next((error for each in self.environments for error in each.errors), None)
