"""Where an artifact can be promoted to, and under which rules."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.domain.artifact import Tag, Version
from engine.domain.gate import Gate


class Enforcement(StrEnum):
    """What a bad signature does to a promotion (FR-021)."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Authorization:
    """
    Who may change an environment.

    A list that is not given (None) asks for nothing; one that is empty admits nobody. With
    neither list any verified operator may.
    """

    allowed_groups: frozenset[str] | None = None
    allowed_operators: frozenset[str] | None = None
    separation_of_duties: bool = False


@dataclass(frozen=True, slots=True)
class Approvals:
    """How many others must agree, and for how long they are waited for (spec 10)."""

    required: int = 0
    groups: frozenset[str] | None = None
    expires_after_seconds: int = 24 * 3600
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class FixedLock:
    """A lock written in manifest.yaml; only an edit of the file lifts it."""

    reason: str
    locked_by: str
    locked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """One stop on the promotion path."""

    name: str
    gates: tuple[Gate, ...] = ()
    authorization: Authorization | None = None
    approvals: Approvals = field(default_factory=Approvals)
    signature: Enforcement = Enforcement.OFF
    fixed_lock: FixedLock | None = None

    @property
    def latest(self) -> Tag:
        """The movable tag deployments follow."""
        return Tag(f"latest-{self.name}")

    def tag(self, version: Version) -> Tag:
        """The tag that says `version` is, for good, in this environment; ValueError if too long."""
        return Tag(f"{version}-{self.name}")

    def rollback_tag(self, version: Version, number: int) -> Tag:
        """The tag of the `number`-th return of this environment to `version` (FR-014)."""
        return Tag(f"{version}-{self.name}-rollback-{number}")

    @property
    def separation_of_duties(self) -> bool:
        return self.authorization is not None and self.authorization.separation_of_duties

    def __str__(self) -> str:
        return self.name
