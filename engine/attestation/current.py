"""The predicate of a statement that says which artifacts may run in an environment now."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import ConfigDict

from engine.attestation.bundle import PREDICATE_TYPE
from engine.attestation.wire import Wire
from engine.domain.artifact import Digest

CURRENT = "current"
_PREFIX = f"https://floe.dev/{CURRENT}/"


def states_current(annotations: Mapping[str, str]) -> bool:
    """Whether the annotations of a bundle name a statement of the current state."""
    return annotations.get(PREDICATE_TYPE, "").startswith(_PREFIX)


class _Stated(Wire):
    model_config = ConfigDict(populate_by_name=True)


class StatedArtifact(_Stated):
    """A version and its digest (`sha256:…`)."""

    version: str
    digest: str


class StatedEntry(_Stated):
    """The ledger entry that brought the version that runs."""

    sequence: int
    digest: str


class CurrentPredicate(_Stated):
    """
    The artifacts that may run in `environment`: `current`, and those in `also`.

    Times are UTC. Its signature says nothing after `valid_until`.
    """

    repository: str
    environment: str
    entry: StatedEntry
    current: StatedArtifact
    also: tuple[StatedArtifact, ...]
    issued_at: datetime
    valid_until: datetime

    @property
    def digests(self) -> tuple[Digest, ...]:
        """The artifacts, the one that runs first."""
        return tuple(Digest(each.digest) for each in (self.current, *self.also))

    def states_same(self, other: "CurrentPredicate") -> bool:
        """Whether `other` states the same, at any time and for the same duration."""
        times = {"issued_at": self.issued_at, "valid_until": self.valid_until}
        same = other.model_copy(update=times) == self
        return same and other.duration == self.duration

    @property
    def duration(self) -> timedelta:
        return self.valid_until - self.issued_at

    def is_due(self, now: datetime) -> bool:
        """Whether it must be issued again: two thirds of its duration are over."""
        return not self.issued_at <= now < self.issued_at + self.duration * 2 / 3
