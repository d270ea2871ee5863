"""The sections `approvals` of an environment and `break_glass` of the path."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, Strict

from engine.config.error_messages import Node, Problem
from engine.config.field_types import (
    AtLeastOne,
    Duration,
    Flag,
    Given,
    Names,
    Section,
    Text,
    duration_seconds,
)
from engine.domain import environment
from engine.domain.approval_rules import ApprovalRule, Delegate, Escalation
from engine.domain.break_glass import BreakGlassRules
from engine.domain.names import Names as NameSet
from engine.domain.names import canonical_name
from engine.domain.record_base import in_utc

_MOST = 50
_EXPIRES_AFTER = 24 * 3600


def _in_calendar(time: datetime) -> datetime:
    in_utc(time)
    return time


ZonedTime = Annotated[AwareDatetime, AfterValidator(_in_calendar)]


class ApprovalRuleEntry(Section):
    """A rule that some of the approvers fill; a person fills one rule only."""

    name: Given[Text] = Field(default=None, description="a name; default: its groups")
    groups: AtLeastOne[Text] = Field(
        description="groups of the approvers that fill it", examples=[["security"]]
    )
    count: Annotated[int, Strict()] = Field(
        default=1, ge=1, le=_MOST, description="the number of approvers that it needs"
    )


class EscalationEntry(Section):
    """More groups that may approve when a change has waited for some time."""

    after: Duration = Field(description="the time after the request", examples=["2h"])
    to: AtLeastOne[Text] = Field(
        description="groups whose members may then fill any rule", examples=[["managers"]]
    )


class DelegateEntry(Section):
    """A person who may approve for another one until a time."""

    to: Text = Field(description="the name of the delegate", examples=["bob@acme.com"])
    until: ZonedTime = Field(
        description="the end, with its zone", examples=["2026-12-24T09:00:00Z"]
    )


class ApprovalsEntry(Section):
    """The approvals that a change needs."""

    required: Annotated[int, Strict()] = Field(
        default=0, ge=0, le=_MOST, description="the number of other people who must approve"
    )
    groups: Given[Names] = Field(
        default=None, description="groups of approvers; without it, all authorized operators"
    )
    rules: Given[AtLeastOne[ApprovalRuleEntry]] = Field(
        default=None, description="rules that different people fill, instead of required and groups"
    )
    escalate: Given[EscalationEntry] = Field(
        default=None, description="more approvers after some time"
    )
    delegates: dict[Text, DelegateEntry] = Field(
        default_factory=dict, description="people who approve for the person named by the key"
    )
    expires_after: Duration = Field(
        default=_EXPIRES_AFTER,
        description="the time that a change waits for approval",
        examples=["4h", "30m", "2d"],
        json_schema_extra={"default": "24h"},
    )
    rollback: Flag = Field(default=False, description="whether rollbacks wait for approval too")


class ReviewEntry(Section):
    """The review after a break-glass, by another person."""

    within: Duration = Field(
        default=24 * 3600,
        description="the time for the review; the next break-glass is refused after it",
        examples=["24h"],
        json_schema_extra={"default": "24h"},
    )
    groups: Given[AtLeastOne[Text]] = Field(
        default=None, description="groups of reviewers; without it, those who approve changes"
    )


class BreakGlassEntry(Section):
    """Groups that may skip approvals, windows and locks of others in an incident."""

    groups: AtLeastOne[Text] = Field(
        description="groups whose members may use it", examples=[["sre"]]
    )
    review: ReviewEntry = Field(
        default_factory=ReviewEntry.model_construct, description="the review that follows"
    )


def break_glass_of(entry: BreakGlassEntry | None) -> BreakGlassRules | None:
    """Convert the section to that of the domain."""
    if entry is None:
        return None
    reviewers = entry.review.groups
    return BreakGlassRules(
        NameSet(entry.groups), entry.review.within, NameSet(reviewers) if reviewers else None
    )


def approvals_of(entry: ApprovalsEntry) -> environment.Approvals:
    """Convert the section to that of the domain."""
    later = entry.escalate
    return environment.Approvals(
        entry.required,
        None if entry.groups is None else frozenset(entry.groups),
        entry.expires_after,
        entry.rollback,
        rules=tuple(
            ApprovalRule(each.name or _default_name(each.groups), NameSet(each.groups), each.count)
            for each in entry.rules or ()
        ),
        escalation=Escalation(later.after, NameSet(later.to)) if later else None,
        delegates=tuple(
            Delegate(name, each.to, in_utc(each.until)) for name, each in entry.delegates.items()
        ),
    )


def approval_problems(environment: Node) -> Iterator[Problem]:
    """Find settings of one environment that contradict each other or have no effect."""
    rules, admitted = environment["approvals"], environment["authorization"]
    yield from _delegates(rules["delegates"])
    required, groups = rules["required"], rules["groups"]
    if rules["rules"]:
        yield from _rules(rules)
        return
    if required.number < 1:
        for idle in (groups, rules["rollback"], rules["escalate"], rules["delegates"]):
            if idle and idle.value not in (False, {}):
                yield idle.problem("has no effect while required is 0: set required")
        return
    yield from _escalation(rules)
    if groups.empty:
        yield groups.problem("is [], so no one can approve: name a group, or leave it out")
    operators = admitted["allowed_operators"]
    only_these = operators and not admitted["allowed_groups"].names and not groups
    people = NameSet(operators.names)
    if only_these and len(people) <= required.number and not rules["escalate"]:
        yield required.problem(
            f"can never be met: a change needs its requester and {required.number} others, and "
            f"authorization.allowed_operators has {len(people)} names"
        )


def _rules(approvals: Node) -> Iterator[Problem]:
    for shorthand in ("required", "groups"):
        if approvals[shorthand]:
            yield approvals[shorthand].problem("has no effect beside rules: remove it")
    entries = approvals["rules"].items
    if sum(max(1, each["count"].number) for each in entries) > _MOST:
        yield approvals["rules"].problem(f"needs more than {_MOST} approvals")
    names = [each["name"].text or _default_name(each["groups"].names) for each in entries]
    for entry, name in zip(entries, names, strict=True):
        if Counter(names)[name] > 1:
            yield entry.problem(f"is named {name} like another rule: give each a name of its own")
    yield from _escalation(approvals)


def _escalation(approvals: Node) -> Iterator[Problem]:
    after, expires = (
        _seconds(approvals[name].text) for name in ("escalate.after", "expires_after")
    )
    if after is not None and after >= (expires or _EXPIRES_AFTER):
        yield approvals["escalate.after"].problem(
            "has no effect: the change expires before, see expires_after"
        )


def _delegates(delegates: Node) -> Iterator[Problem]:
    for name, entry in delegates.entries:
        if canonical_name(entry["to"].text or "") == canonical_name(name):
            yield entry["to"].problem(f"is {name} too: name another person")


def _seconds(text: str | None) -> int | None:
    """The length of a duration; None for one that is reported as invalid."""
    try:
        return duration_seconds(text or "")
    except ValueError:
        return None


def _default_name(groups: Iterable[str]) -> str:
    return " or ".join(sorted(groups))
