"""The rights by which a person approves: own groups, escalation, or as a delegate."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from engine.checks.authorization import granted_via
from engine.domain.change import Change
from engine.domain.environment import Approvals, Environment
from engine.domain.identity import Directory
from engine.domain.names import Names
from engine.domain.operator import Operator
from engine.domain.rights import Rights

NO_DIRECTORY = Directory()


@dataclass(frozen=True, slots=True)
class Ballot:
    """One right to approve: how, the groups that fill rules, and the person it is for."""

    via: str
    groups: tuple[str, ...] = ()
    delegated_by: str | None = None


def approver_via(approver: Operator, target: Environment, rights: Rights) -> str:
    """
    Find the right by which `approver` may approve changes of `target`; empty without one.

    It is a group of `approvals.groups` or a role, or, where neither is configured, the target's
    authorization. An unverified operator has none.
    """
    if not approver.verified:
        return ""
    groups = target.approvals.groups
    if groups is None:
        return granted_via(approver, target, rights)
    shared = approver.groups & groups
    if shared:
        return f"group {min(shared)}"
    return f"operator {approver.name}" if approver.names & target.approvals.operators else ""


def override_via(operator: Operator, target: Environment, rights: Rights) -> str:
    """Find the right by which `operator` may override a rule of `target`, as its approver."""
    asked = target.approvals.groups is not None or target.approvals.required
    if target.authorization is None and not asked:
        return granted_via(operator, target, rights)
    return approver_via(operator, target, rights)


def find_ballots(
    approver: Operator,
    target: Environment,
    rights: Rights,
    directory: Directory,
    asked_at: datetime,
    at: datetime | None,
    now: datetime | None = None,
) -> Iterator[Ballot]:
    """
    Find the rights of `approver` at `at` for a change that was requested at `asked_at`.

    Without a time, only those that time does not change. The groups of a person who delegates are
    those in manifest.yaml, and a delegate has the right also at `now`, if it is given.
    """
    yield from _own_ballots(approver, target, rights, asked_at, at)
    for each in target.approvals.delegates:
        ended = at is None or max(at, now or at) >= each.until
        if ended or each.to not in approver.names or not approver.verified:
            continue
        names = directory.names_of(each.name)
        person = replace(approver, name=each.name, id=each.name, names=names, groups=Names())
        person = directory.regroup(replace(person, claimed=Names()))
        for ballot in _own_ballots(person, target, rights, asked_at, at):
            via = f"{ballot.via}, delegated by {each.name}"
            yield replace(ballot, via=via, delegated_by=each.name)


def is_taken(change: Change, ballot: Ballot, directory: Directory, *, repeated: bool) -> bool:
    """Whether the person who delegated `ballot` requested `change`, or counts already."""
    if ballot.delegated_by is None:
        return False
    names = directory.names_of(ballot.delegated_by)
    counted = [] if repeated else [person.operator for person in change.approvers]
    others = () if repeated else (each.delegated_by for each in change.approvals)
    taken = (change.requester.operator, *counted)
    return any(not names.isdisjoint(person.identities) for person in taken) or not (
        names.isdisjoint(Names(each for each in others if each))
    )


def find_ballot(
    change: Change,
    approver: Operator,
    target: Environment,
    rights: Rights,
    directory: Directory,
    at: datetime | None,
) -> Ballot | None:
    """Find the first right of `approver` that fills an open rule of `change`."""
    ballots = find_ballots(approver, target, rights, directory, change.created_at, at)
    return next((b for b in ballots if counts(change, b, directory, at, target.approvals)), None)


def counts(
    change: Change, ballot: Ballot, directory: Directory, at: datetime | None, rules: Approvals
) -> bool:
    """Whether an approval by `ballot` at `at` adds to those of `change`."""
    if is_taken(change, ballot, directory, repeated=False):
        return False
    if at is None or not rules.rules:
        return True
    given = [*((each.groups, each.approved_at) for each in change.approvals), (ballot.groups, at)]
    return rules.assign(given, change.created_at)[-1] is not None


def _own_ballots(
    approver: Operator,
    target: Environment,
    rights: Rights,
    asked_at: datetime,
    at: datetime | None,
) -> Iterator[Ballot]:
    rules = target.approvals
    further = rules.escalated_to(asked_at, at) if at and approver.verified else Names()
    later = approver.groups & further
    shared = approver.groups & (rules.groups or Names())
    own = "" if rules.rules else approver_via(approver, target, rights)
    if own:
        yield Ballot(own)
    if approver.verified and rules.rules and shared:
        # One ballot for all groups, since the approval may move to another rule later.
        groups = tuple(sorted(shared | later))
        word = "group" if len(groups) == 1 else "groups"
        escalated = ", after escalation" if later else ""
        yield Ballot(f"{word} {', '.join(groups)}{escalated}", groups)
    elif later:
        # Groups are recorded, since they and the time prove the right.
        yield Ballot(f"group {min(later)}, after escalation", tuple(sorted(later)))
