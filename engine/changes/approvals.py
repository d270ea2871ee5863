"""The approvals of a change: added when they are given, and judged again before writing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from engine.checks.ballots import Ballot, counts, find_ballot, find_ballots
from engine.domain.approval_rules import RuleState
from engine.domain.change import Change
from engine.domain.change_facts import Person
from engine.domain.operator import Operator
from engine.domain.record_base import ApprovalRecord
from engine.execution.runner import Runner


def with_approval(runner: Runner, change: Change, approver: Operator, interface: str) -> Change:
    """Add the approval of `approver`; ValueError if the rules do not admit it."""
    at = runner.clock.now()
    target = runner.path.environment(change.target)
    ballot = find_ballot(change, approver, target, runner.rights, runner.directory, at)
    if ballot is None:
        raise ValueError(f"{approver.name} may not approve {change.id}")
    given = ApprovalRecord(
        operator=approver.name,
        operator_id=approver.id,
        identity_source=approver.source,
        authorized_via=ballot.via,
        approved_at=at,
        interface=interface,
        groups=ballot.groups,
        delegated_by=ballot.delegated_by,
        operator_names=runner.directory.further_names(approver),
    )
    return _add(runner, change, given, Person.of(approver))


def keep_valid_approvals(
    runner: Runner, change: Change, regroup: Callable[[Operator], Operator]
) -> Change:
    """
    Drop approvals whose givers may no longer approve, or fill no rule any more.

    Each person counts once and the requester never: aliases may have been added in between.
    """
    requester = change.requester.operator
    counted = [requester, regroup(requester)]
    kept = change.model_copy(update={"approvals": (), "approvers": ()})
    for given, person in zip(change.approvals, change.approvers, strict=True):
        giver = (person.operator, regroup(person.operator))
        if any(one.same_as(other) for one in giver for other in counted) or kept.approved_by(
            giver[1]
        ):
            continue
        ballot = _ballot(runner, kept, giver[1], given)
        if ballot is not None:
            again = given.model_copy(update={"groups": ballot.groups})
            kept = _add(runner, kept, again, person)
            counted += giver
    return kept.model_copy(update=_states(runner, kept))


def waiting_fields(runner: Runner, change: Change) -> dict[str, Any]:
    """The rules of a change that begins to wait for approvals."""
    later = runner.path.environment(change.target).approvals.escalation
    escalation: dict[str, Any] = {}
    if later is not None:
        escalation["escalates_at"] = change.created_at + timedelta(seconds=later.after_seconds)
        escalation["escalates_to"] = tuple(sorted(later.groups))
    return _states(runner, change) | escalation


def _ballot(
    runner: Runner, kept: Change, approver: Operator, given: ApprovalRecord
) -> Ballot | None:
    """The same right as when it was `given`, with present groups; None if it is gone."""
    target, directory = runner.path.environment(kept.target), runner.directory
    asked, at, now = kept.created_at, given.approved_at, runner.clock.now()
    for ballot in find_ballots(approver, target, runner.rights, directory, asked, at, now):
        same = ballot.delegated_by == given.delegated_by
        if same and counts(kept, ballot, directory, at, target.approvals):
            return ballot
    return None


def _add(runner: Runner, change: Change, given: ApprovalRecord, person: Person) -> Change:
    added = change.model_copy(
        update={
            "approvals": (*change.approvals, given),
            "approvers": (*change.approvers, person),
        }
    )
    return added.model_copy(update=_states(runner, added))


def _states(runner: Runner, change: Change) -> dict[str, tuple[RuleState, ...]]:
    """How far the approvals fill each rule, with the listed members who could fill the rest."""
    rules = runner.path.environment(change.target).approvals
    given = [(each.groups, each.approved_at) for each in change.approvals]
    places = rules.assign(given, change.created_at) if rules.rules else ()
    filled = list(zip(change.approvals, places, strict=False))
    return {
        "rules": tuple(
            RuleState(
                name=rule.name,
                groups=tuple(sorted(rule.groups)),
                count=rule.count,
                members=tuple(
                    sorted(
                        {m for group in rule.groups for m in runner.directory.members(group)}
                        - change.requester.operator.identities
                    )
                ),
                filled_by=tuple(each.by for each, at in filled if at == place),
            )
            for place, rule in enumerate(rules.rules)
        )
    }
