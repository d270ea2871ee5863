"""Environments and their rules."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.domain.artifact import Tag, Version
from engine.domain.gate import Gate
from engine.domain.names import Names


class Enforcement(StrEnum):
    """The effect of a bad signature on a promotion (FR-021)."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Authorization:
    """
    The operators who may change an environment.

    None is a list that is not configured; an empty list admits no one. Without both lists, every
    verified operator is admitted. Both become `Names`, which compare without regard to case.
    """

    allowed_groups: Set[str] | None = None
    allowed_operators: Set[str] | None = None
    separation_of_duties: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed_groups", _names(self.allowed_groups))
        object.__setattr__(self, "allowed_operators", _names(self.allowed_operators))


@dataclass(frozen=True, slots=True)
class Approvals:
    """The number of approvals that a change needs, and the time in which they must be given."""

    required: int = 0
    groups: Set[str] | None = None
    expires_after_seconds: int = 24 * 3600
    rollback: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", _names(self.groups))


@dataclass(frozen=True, slots=True)
class FixedLock:
    """A lock written in manifest.yaml; only an edit of the file lifts it."""

    reason: str
    locked_by: str
    locked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of the promotion path, with its rules."""

    name: str
    gates: tuple[Gate, ...] = ()
    authorization: Authorization | None = None
    approvals: Approvals = field(default_factory=Approvals)
    signature: Enforcement = Enforcement.OFF
    fixed_lock: FixedLock | None = None

    @property
    def latest(self) -> Tag:
        """The movable tag that deployments follow."""
        return Tag(f"latest-{self.name}")

    def tag(self, version: Version) -> Tag:
        """The immutable tag of `version` in this environment; ValueError if it is too long."""
        return Tag(f"{version}-{self.name}")

    def rollback_tag(self, version: Version, number: int) -> Tag:
        """The tag of the `number`-th rollback of this environment to `version` (FR-014)."""
        return Tag(f"{version}-{self.name}-rollback-{number}")

    @property
    def separation_of_duties(self) -> bool:
        return self.authorization is not None and self.authorization.separation_of_duties

    @property
    def groups(self) -> Names:
        """All groups in its rules."""
        allowed = (self.authorization.allowed_groups if self.authorization else None) or ()
        return Names((*allowed, *(self.approvals.groups or ())))

    def __str__(self) -> str:
        return self.name


def _names(given: Set[str] | None) -> Names | None:
    return None if given is None else Names(given)
