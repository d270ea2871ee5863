"""What runs where."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.artifact import Digest
from engine.domain.errors import PromotionError
from engine.domain.record import RegistrySync
from engine.domain.state import EMPTY, EnvironmentState, LockState


class Alignment(StrEnum):
    """How `latest-<env>`, which deployments follow, and the ledger agree."""

    EMPTY = "empty"  # neither: nothing was ever promoted there
    ALIGNED = "aligned"
    COMPLETING = "completing"  # the record is committed and `latest` has yet to follow
    DRIFTED = "drifted"  # `latest` was moved, or removed, behind the ledger's back
    UNRECORDED = "unrecorded"  # there is a `latest` and no record: a build put it there
    UNKNOWN = "unknown"  # the ledger or `latest` cannot be read


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """
    One environment; `lock` is the lock in force now, `latest` where the tag really points.
    `registry_sync` says of each secondary whether it has what runs here, as far as is known.
    `latest_version` is the version `latest` has there, where the two disagree and it is known.
    `published` is the newest version the build published where nothing was ever promoted.
    `error` says why the environment cannot be read; `state` is then what is known without.
    """

    name: str
    state: EnvironmentState
    latest: Digest | None
    lock: LockState | None
    registry_sync: tuple[RegistrySync, ...] = ()
    latest_version: str | None = None
    error: PromotionError | None = None
    published: str | None = None

    @property
    def alignment(self) -> Alignment:
        if self.error is not None and self.state == EMPTY:
            return Alignment.UNKNOWN
        if self.state.digest is None:
            return Alignment.EMPTY if self.latest is None else Alignment.UNRECORDED
        found = str(self.latest) if self.latest else None
        if found == self.state.digest:
            return Alignment.ALIGNED
        return Alignment.COMPLETING if found == self.state.before else Alignment.DRIFTED

    @property
    def known(self) -> bool:
        return self.alignment is not Alignment.UNKNOWN

    @property
    def awaits_build(self) -> bool:
        """Whether nothing was ever promoted there, so that builds may have published into it."""
        return self.known and self.state.digest is None

    @property
    def drifted(self) -> bool:
        return self.alignment is Alignment.DRIFTED

    @property
    def deviates(self) -> bool:
        """Whether deployments follow another artifact than the ledger says."""
        return self.alignment in (Alignment.DRIFTED, Alignment.COMPLETING)

    @property
    def deployed_version(self) -> str | None:
        """The version deployments follow; None where nothing does or it is not known."""
        return self.latest_version if self.deviates else self.state.version

    @property
    def deployed(self) -> str:
        """The same for people: a version, else a short digest, else that there is nothing."""
        found = self.latest.short if self.latest else "nothing"
        return self.deployed_version or found

    @property
    def deviation(self) -> str:
        """What is deployed and what should be; empty where they are the same."""
        match self.alignment:
            case Alignment.DRIFTED:
                return (
                    f"deployed: {self.deployed}, moved outside floe; should be {self.state.version}"
                )
            case Alignment.COMPLETING:
                return (
                    f"deployed: {self.deployed}; {self.state.version} is recorded, and "
                    f"latest-{self.name} has not followed yet"
                )
            case _:
                return ""

    @property
    def restore_command(self) -> str:
        return f"floe platform restore --env {self.name}"
