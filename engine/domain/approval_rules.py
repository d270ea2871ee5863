"""Rules of approvals: one person fills one rule, by maximum matching."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import Field

from engine.domain.names import Names
from engine.domain.record_base import Value


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """`count` members of `groups` must approve; each approval fills one rule only."""

    name: str
    groups: Names
    count: int = 1


@dataclass(frozen=True, slots=True)
class Escalation:
    """From `after_seconds` after the request on, members of `groups` may fill any rule."""

    after_seconds: int
    groups: Names


@dataclass(frozen=True, slots=True)
class Delegate:
    """`to` may approve for `name` until `until` (UTC)."""

    name: str
    to: str
    until: datetime


class RuleState(Value):
    """
    A rule of a change: its groups, the members that manifest.yaml lists, and those who fill it.

    A rule without a name of its own is named after its groups.
    """

    name: str
    groups: tuple[str, ...]
    count: int = Field(default=1, ge=1)
    members: tuple[str, ...] = ()
    filled_by: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return max(0, self.count - len(self.filled_by))

    @property
    def described(self) -> str:
        """The rule, and who can fill it."""
        groups, who = " or ".join(self.groups), ", ".join(self.members)
        named = self.name if self.name == groups else f"{self.name} from {groups}"
        times = f"{self.missing} more of " if self.missing > 1 else ""
        return f"{times}{named}" + (f" ({who})" if who else "")


class Counted(Protocol):
    """A rule that needs members of `groups`."""

    @property
    def groups(self) -> Iterable[str]: ...
    @property
    def count(self) -> int: ...


def choices(groups: Iterable[str], rules: Sequence[Counted], anywhere: Iterable[str]) -> Set[int]:
    """List the places of `rules` that a member of `groups` fills; `anywhere` fills all of them."""
    own = Names(groups)
    if own & Names(anywhere):
        return frozenset(range(len(rules)))
    return frozenset(place for place, rule in enumerate(rules) if own & Names(rule.groups))


def assign(people: Sequence[Set[int]], counts: Sequence[int]) -> tuple[int | None, ...]:
    """
    Assign as many people to rules as possible; None for a person without one.

    `people` has the places of the rules that each can fill, `counts` the people that each rule
    needs. A person keeps a rule once earlier ones have theirs (Kuhn's algorithm).
    """
    slots = [rule for rule, count in enumerate(counts) for _ in range(count)]
    holder: dict[int, int] = {}

    def place(person: int, tried: set[int]) -> bool:
        for slot, rule in enumerate(slots):
            if rule not in people[person] or slot in tried:
                continue
            tried.add(slot)
            if slot not in holder or place(holder[slot], tried):
                holder[slot] = person
                return True
        return False

    for person in range(len(people)):
        place(person, set())
    filled = {person: slots[slot] for slot, person in holder.items()}
    return tuple(filled.get(person) for person in range(len(people)))
