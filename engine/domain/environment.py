"""Environments and their rules."""

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from engine.domain.approval_rules import ApprovalRule, Delegate, Escalation, assign, choices
from engine.domain.artifact import Tag, Version
from engine.domain.break_glass import BreakGlassRules
from engine.domain.gate import Gate, SecurityRules
from engine.domain.names import Names
from engine.domain.windows import Window


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
    """
    The number of approvals that a change needs, and the time in which they must be given.

    Without `groups`, those who may change the environment approve. `operators` are approvers by
    name, besides the groups; only roles name them. Where there are `rules`, `required` and `groups`
    are the sums of theirs. `delegates` may approve for others.
    """

    required: int = 0
    groups: Set[str] | None = None
    expires_after_seconds: int = 24 * 3600
    rollback: bool = False
    operators: Set[str] = frozenset()
    rules: tuple[ApprovalRule, ...] = ()
    escalation: Escalation | None = None
    delegates: tuple[Delegate, ...] = ()

    def __post_init__(self) -> None:
        if self.rules:
            object.__setattr__(self, "required", sum(rule.count for rule in self.rules))
            object.__setattr__(self, "groups", {g for rule in self.rules for g in rule.groups})
        object.__setattr__(self, "groups", _names(self.groups))
        object.__setattr__(self, "operators", Names(self.operators))

    @property
    def approvers(self) -> tuple[str, ...]:
        """The groups and names of approvers; empty where those who may promote approve too."""
        return tuple(sorted(Names((*(self.groups or ()), *self.operators))))

    def escalated_to(self, asked_at: datetime, at: datetime) -> Names:
        """The further groups that may approve at `at` a change of the time `asked_at`."""
        later = self.escalation
        passed = later is not None and at >= asked_at + timedelta(seconds=later.after_seconds)
        return later.groups if later and passed else Names()

    def assign(
        self, given: Sequence[tuple[Iterable[str], datetime]], asked_at: datetime
    ) -> tuple[int | None, ...]:
        """Assign approvals, each with the groups of its person and its time, to `rules`."""
        people = [
            choices(groups, self.rules, self.escalated_to(asked_at, at)) for groups, at in given
        ]
        return assign(people, [rule.count for rule in self.rules])


@dataclass(frozen=True, slots=True)
class FixedLock:
    """A lock written in manifest.yaml; only an edit of the file lifts it."""

    reason: str
    locked_by: str
    locked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """
    An environment of the promotion path, with its rules.

    `after` names the environments from which versions come, in the order of the path; empty for
    the one before it in the list. With `any_source` one of them is enough. With `compares_builds`,
    a change shows the differences of the artifact from the running one.
    """

    name: str
    gates: tuple[Gate, ...] = ()
    authorization: Authorization | None = None
    approvals: Approvals = field(default_factory=Approvals)
    signature: Enforcement = Enforcement.OFF
    fixed_lock: FixedLock | None = None
    break_glass: BreakGlassRules | None = None
    after: tuple[str, ...] = ()
    any_source: bool = False
    windows: tuple[Window, ...] = ()
    compares_builds: bool = False

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
    def scan_rules(self) -> SecurityRules | None:
        """The rules of its security scan; None without one."""
        return next((gate.security for gate in self.gates if gate.security), None)

    @property
    def separation_of_duties(self) -> bool:
        return self.authorization is not None and self.authorization.separation_of_duties

    @property
    def reviewers(self) -> tuple[str, ...]:
        """The groups that review a break-glass; empty if no group is named."""
        reviewing = self.break_glass.review_groups if self.break_glass else None
        named = self.approvals.groups if reviewing is None else reviewing
        return tuple(sorted(named or ()))

    @property
    def groups(self) -> Names:
        """All groups in its rules."""
        allowed = (self.authorization.allowed_groups if self.authorization else None) or ()
        later = self.approvals.escalation
        further = later.groups if later else ()
        glass = self.break_glass
        incident = (*glass.groups, *(glass.review_groups or ())) if glass else ()
        return Names((*allowed, *(self.approvals.groups or ()), *further, *incident))

    def __str__(self) -> str:
        return self.name


def tags_of(version: Version, places: Iterable[Environment]) -> Iterator[Tag]:
    """The tag of `version` in each place, unless it would be too long to exist."""
    for place in places:
        with suppress(ValueError):
            yield place.tag(version)


def _names(given: Set[str] | None) -> Names | None:
    return None if given is None else Names(given)
