"""What runs where."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.artifact import Digest
from engine.domain.record import RegistrySync
from engine.domain.state import EnvironmentState, LockState


class Alignment(StrEnum):
    """How `latest-<env>`, which deployments follow, and the ledger agree."""

    EMPTY = "empty"  # neither: nothing was ever promoted there
    ALIGNED = "aligned"
    COMPLETING = "completing"  # the record is committed and `latest` has yet to follow
    DRIFTED = "drifted"  # `latest` was moved, or removed, behind the ledger's back
    UNRECORDED = "unrecorded"  # there is a `latest` and no record: a build put it there


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """
    One environment; `lock` is the lock in force now, `latest` where the tag really points.
    `registry_sync` says of each secondary whether it has what runs here, as far as is known.
    """

    name: str
    state: EnvironmentState
    latest: Digest | None
    lock: LockState | None
    registry_sync: tuple[RegistrySync, ...] = ()

    @property
    def alignment(self) -> Alignment:
        if self.state.digest is None:
            return Alignment.EMPTY if self.latest is None else Alignment.UNRECORDED
        found = str(self.latest) if self.latest else None
        if found == self.state.digest:
            return Alignment.ALIGNED
        return Alignment.COMPLETING if found == self.state.before else Alignment.DRIFTED
