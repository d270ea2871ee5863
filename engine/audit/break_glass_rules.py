"""The rules that a break-glass and its review follow."""

from collections.abc import Iterator, Set
from datetime import datetime

from engine.audit.history import MAX_CLOCK_SKEW
from engine.domain.audit import RemarkKind
from engine.domain.environment import Authorization, Environment
from engine.domain.identity import Directory
from engine.domain.names import Names
from engine.domain.policy_document import PolicyDocument
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.release_records import ReviewRecord
from engine.domain.state import EnvironmentState

Violation = tuple[RemarkKind, str]


def breaks_lock(record: AnyRecord, policy: PolicyDocument | None) -> bool:
    """Whether the break-glass of `record` skipped a lock that is not in its manifest."""
    rules = policy.environment(record.ledger) if policy else None
    fixed = rules is not None and rules.fixed_lock is not None
    return (
        isinstance(record, PromotionRecord | RollbackRecord)
        and record.break_glass is not None
        and not fixed
    )


def is_broken(record: AnyRecord) -> bool:
    """Whether `record` is a break-glass."""
    return isinstance(record, PromotionRecord | RollbackRecord) and record.break_glass is not None


def judge_break_glass(record: AnyRecord, rules: Environment | None) -> Iterator[Violation]:
    """A break-glass is by a group that its policy admits, and reviewed in the time of it."""
    if not isinstance(record, PromotionRecord | RollbackRecord):
        return
    glass = record.break_glass
    admitted = rules.break_glass.groups if rules and rules.break_glass else Names()
    if glass and rules and glass.via.removeprefix("group ") not in admitted:
        yield (
            RemarkKind.APPROVAL,
            f"changes {record.ledger} to {record.version} by break-glass ({glass.via}), but its "
            f"policy admits [{', '.join(sorted(admitted))}]",
        )
    allowed = rules.break_glass if rules else None
    if glass and allowed and glass.review_by > record.at + allowed.within + MAX_CLOCK_SKEW:
        yield (
            RemarkKind.APPROVAL,
            f"changes {record.ledger} to {record.version} by break-glass with a review until "
            f"{glass.review_by:%Y-%m-%d %H:%M} UTC, but its policy wants it within "
            f"{allowed.review_seconds} seconds",
        )


def overdue_reviews(state: EnvironmentState, now: datetime) -> Iterator[str]:
    """Describe each break-glass without a review in time."""
    for review in state.reviews:
        if review.due <= now:
            yield (
                f"The break-glass for {review.incident} by {review.operator} was not reviewed "
                f"until {review.due:%Y-%m-%d %H:%M} UTC: another person runs: {review.command}"
            )


def judge_review(
    record: AnyRecord, state: EnvironmentState, policy: PolicyDocument | None
) -> Iterator[Violation]:
    """A review is of an open break-glass, and by another person."""
    if not isinstance(record, ReviewRecord):
        return
    review = next((each for each in state.reviews if each.record == record.reviewed), None)
    directory = policy.directory if policy else Directory()
    rules = policy.environment(record.ledger) if policy else None
    names = directory.names_in(record)
    if rules and not _may_review(record, rules, names):
        yield (
            RemarkKind.APPROVAL,
            f"reviews {record.reviewed} by {record.operator} ({record.authorized_via}), who may "
            "not review it by its policy",
        )
    if review is None:
        yield RemarkKind.APPROVAL, f"reviews {record.reviewed}, which has no open review"
    elif not names.isdisjoint(directory.names_in(review)):
        yield (
            RemarkKind.APPROVAL,
            f"reviews {record.reviewed} by {review.operator}, who is the same person as "
            f"{record.operator}",
        )


def _may_review(record: ReviewRecord, rules: Environment, names: Names) -> bool:
    """Whether `rules` give the right that the review of a person with `names` states."""
    glass, changing = rules.break_glass, rules.authorization or Authorization()
    groups: Set[str] | None = glass.review_groups if glass else None
    operators: Set[str] | None = None
    if groups is None:
        groups, operators = rules.approvals.groups, rules.approvals.operators
    if groups is None:
        groups, operators = changing.allowed_groups, changing.allowed_operators
    if groups is None and operators is None:
        # Any verified person, or people that the settings of a server admit.
        return record.identity_verified
    right, _, group = record.authorized_via.partition(" ")
    listed = group in (groups or ()) if right == "group" else bool(names & (operators or Names()))
    return record.identity_verified and listed and right in ("group", "operator")
