"""The status of environments."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from engine.domain.artifact import Digest
from engine.domain.errors import PromotionError, UsageError
from engine.domain.record import RegistrySync
from engine.domain.state import EMPTY, EnvironmentState, LockState
from engine.domain.text import printable
from engine.domain.waiver import Waiver
from engine.domain.windows import Outlook


class Alignment(StrEnum):
    """The relation of `latest-<env>`, which deployments follow, to the ledger."""

    EMPTY = "empty"  # there is neither: nothing was ever promoted there
    ALIGNED = "aligned"
    COMPLETING = "completing"  # the record is committed, and `latest` has yet to follow
    DRIFTED = "drifted"  # `latest` was moved or removed outside floe
    UNRECORDED = "unrecorded"  # there is a `latest` without a record: a build put it there
    UNKNOWN = "unknown"  # the ledger or `latest` cannot be read


def reviewed_environment(rows: "Iterable[EnvironmentStatus]", record: str) -> str:
    """
    Find the environment in which `record` has an open review; UsageError without one.

    If it is in none that can be read, the error of another one is raised.
    """
    error = None
    for row in rows:
        if any(each.record == record for each in row.state.reviews):
            return row.name
        error = error or row.error
    if error is not None:
        raise error
    raise UsageError(f"Record '{printable(record)}' has no open review: nothing was changed")


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """
    The status of one environment.

    `lock` is the lock in force now, `latest` the digest that the tag resolves to.
    `registry_sync` has the last known result of each secondary for the running version.
    `latest_version` is the version of `latest` if it deviates from the ledger and is known.
    `published` is the newest version of the build if nothing was ever promoted here.
    `ignored` are the numbers after the newest entry whose content does not count, `untrusted` those
    of them that no trusted key signed. `waivers` are those in force now.
    `after` has the sources of the environment where the path branches.
    `windows` are those of its operations that have freeze windows.
    `error` says why the environment cannot be read; `state` is then the last known, or empty.
    """

    name: str
    state: EnvironmentState
    latest: Digest | None
    lock: LockState | None
    registry_sync: tuple[RegistrySync, ...] = ()
    latest_version: str | None = None
    error: PromotionError | None = None
    published: str | None = None
    ignored: tuple[int, ...] = ()
    untrusted: frozenset[int] = frozenset()
    after: str = ""
    waivers: tuple[Waiver, ...] = ()
    windows: tuple[Outlook, ...] = ()

    @property
    def window(self) -> Outlook | None:
        """Whether it is open for promotions, and until when; None without windows."""
        return next((each for each in self.windows if each.operation == "promote"), None)

    @property
    def intrusions(self) -> tuple[str, ...]:
        """Warnings about the `ignored` numbers, for people."""
        return tuple(intrusion(self.name, each, each in self.untrusted) for each in self.ignored)

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
        """Whether nothing was ever promoted there; builds may have published into it."""
        return self.known and self.state.digest is None

    @property
    def drifted(self) -> bool:
        return self.alignment is Alignment.DRIFTED

    @property
    def deviates(self) -> bool:
        """Whether `latest` is another artifact than the ledger says."""
        return self.alignment in (Alignment.DRIFTED, Alignment.COMPLETING)

    def lags(self, late: Collection[str]) -> bool:
        """
        Whether `latest` must move to the digest of the ledger: a writer was interrupted before it
        moved it, or moved it to one of the `late` digests after another change.
        """
        if self.alignment is Alignment.DRIFTED:
            return str(self.latest) in late
        return self.alignment is Alignment.COMPLETING

    @property
    def deployed_version(self) -> str | None:
        """The version that deployments follow; None if there is none or it is unknown."""
        return self.latest_version if self.deviates else self.state.version

    @property
    def deployed(self) -> str:
        """The deployed version for people: see `deployed`."""
        return deployed(self.deployed_version, str(self.latest) if self.latest else None)

    @property
    def deviation(self) -> str:
        """The difference between `latest` and the ledger; see `deviation`."""
        return deviation(self.name, self.alignment, self.deployed, self.state.version)

    @property
    def restore_command(self) -> str:
        return f"floe platform restore --env {self.name}"


def deployed(version: str | None, digest: str | None) -> str:
    """The deployed artifact for people: `version`, else a short `digest`, else "nothing"."""
    return version or (Digest(digest).short if digest else "nothing")


def intrusion(name: str, sequence: int, untrusted: bool) -> str:
    """The entry at `sequence` that does not count, for people."""
    if untrusted:
        return f"untrusted entry {sequence} in {name}: no trusted key signed it"
    return f"invalid entry {sequence} in {name}: it does not continue the ledger"


def deviation(name: str, alignment: Alignment, deployed: str, expected: str | None) -> str:
    """The `deployed` and the `expected` version of an environment; empty where they agree."""
    match alignment:
        case Alignment.DRIFTED:
            return f"deployed: {deployed}, moved outside floe; should be {expected}"
        case Alignment.COMPLETING:
            behind = f"{expected} is recorded, and latest-{name} has not followed yet"
            return f"deployed: {deployed}; {behind}"
        case _:
            return ""
