"""
The rules that one record follows, given the entry before it and the policy it names.

Each rule yields its violations: the kind of finding, and a clause that follows "Entry 3 of prod".
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from engine.audit.break_glass_rules import breaks_lock, is_broken, judge_break_glass, judge_review
from engine.audit.history import MAX_CLOCK_SKEW
from engine.audit.quarantine_rules import judge_quarantine
from engine.audit.waiver_rules import judge_waivers
from engine.domain.artifact import Version
from engine.domain.audit import RemarkKind
from engine.domain.environment import Approvals, Environment
from engine.domain.identity import Directory
from engine.domain.key_trust import rotation_fault
from engine.domain.ledger import LedgerEntry
from engine.domain.move import Move
from engine.domain.names import Names
from engine.domain.policy_document import PolicyDocument
from engine.domain.record import (
    AnyRecord,
    LockRecord,
    PromotionRecord,
    RollbackRecord,
    UnlockRecord,
)
from engine.domain.record_base import ApprovalRecord
from engine.domain.release_records import WaiveRecord
from engine.domain.state import EMPTY, EnvironmentState, LockState, lock_in_force
from engine.domain.upkeep_records import RestoreRecord
from engine.domain.windows import known_schedule

Violation = tuple[RemarkKind, str]
MovingRecord = PromotionRecord | RollbackRecord
ApprovedRecord = MovingRecord | WaiveRecord


def judge_record(
    before: LedgerEntry | None, entry: LedgerEntry, policy: PolicyDocument | None
) -> Iterator[Violation]:
    """Judge the record of `entry`, which follows `before`; without a `policy` only by the rest."""
    record, state = entry.record, before.state if before else EMPTY
    yield from _judge_times(before, record)
    yield from _judge_lock(record, state, policy)
    if isinstance(record, MovingRecord) and not record.break_glass:
        operation = "rollback" if isinstance(record, RollbackRecord) else "promote"
        yield from judge_windows(record, record.ledger, operation, policy)
    yield from _judge_previous(record, state)
    yield from _judge_rotation(entry)
    yield from judge_review(record, state, policy)
    yield from judge_waivers(record, state)
    yield from judge_quarantine(record, state)
    if isinstance(record, MovingRecord):
        yield from _judge_names(record)
    if isinstance(record, ApprovedRecord):
        yield from _judge_approvals(record, policy)
    if isinstance(record, PromotionRecord):
        yield from _judge_overrides(record, state)


def lock_of(record: AnyRecord, state: EnvironmentState, policy: PolicyDocument | None) -> str:
    """Describe the lock in force when `record` was made; empty without one."""
    rules = policy.environment(record.ledger) if policy else None
    held = lock_in_force(rules or Environment(record.ledger), state, record.at)
    return _describe_lock(held) if held else ""


def show_time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def describe_move(move: Move | ApprovedRecord) -> str:
    """`promotes v1.0.0`, `rolls back to v1.0.0` or `waives CVE-2026-1 until 2026-12-24`."""
    if isinstance(move, WaiveRecord):
        return f"waives {move.terms.shown}"
    rollback = isinstance(move, RollbackRecord) or (isinstance(move, Move) and move.rollback)
    return f"{'rolls back to' if rollback else 'promotes'} {move.version}"


def _judge_times(before: LedgerEntry | None, record: AnyRecord) -> Iterator[Violation]:
    if before is not None and record.at < before.record.at - MAX_CLOCK_SKEW:
        yield (
            RemarkKind.TIME,
            f"is of {show_time(record.at)}, but entry {before.sequence} before it is of "
            f"{show_time(before.record.at)}",
        )
    asked = record.requested_at if isinstance(record, ApprovedRecord) else None
    if asked is not None and asked > record.at + MAX_CLOCK_SKEW:
        yield (
            RemarkKind.TIME,
            f"is of {show_time(record.at)}, but was requested at {show_time(asked)}",
        )


def _judge_lock(
    record: AnyRecord, state: EnvironmentState, policy: PolicyDocument | None
) -> Iterator[Violation]:
    """Rollbacks are judged with the history, since a lock stops only some of them."""
    held = lock_of(record, state, policy)
    if held and isinstance(record, PromotionRecord) and not breaks_lock(record, policy):
        yield RemarkKind.LOCKED, f"promotes {record.version}, but {record.ledger} was {held}"
    if held and isinstance(record, LockRecord):
        yield RemarkKind.LOCKED, f"locks {record.ledger}, which was already {held}"
    fixed = (policy.environment(record.ledger) if policy else None) or Environment(record.ledger)
    if isinstance(record, UnlockRecord) and fixed.fixed_lock is not None:
        yield (
            RemarkKind.LOCKED,
            f"unlocks {record.ledger}, but its manifest locks it: {fixed.fixed_lock.reason}",
        )


def judge_windows(
    move: Move | MovingRecord, environment: str, operation: str, policy: PolicyDocument | None
) -> Iterator[Violation]:
    """A change while a window about `operation` was closed; policies have no calendar events."""
    rules = policy.environment(environment) if policy else None
    schedule = known_schedule(rules.windows, operation) if rules else None
    # Clocks may differ, and the record is written after the last judgement.
    moments = (move.at - MAX_CLOCK_SKEW, move.at, move.at + MAX_CLOCK_SKEW)
    closed = [schedule.closed_by(each) for each in moments] if schedule else [None]
    if all(closed) and closed[0]:
        yield (
            RemarkKind.WINDOW,
            f"{describe_move(move)} at {show_time(move.at)}, but {environment} was closed: "
            f"window '{closed[0].name}' of its policy",
        )


def _judge_previous(record: AnyRecord, state: EnvironmentState) -> Iterator[Violation]:
    """The version that ran before, as the record and the entry before it have it."""
    ran = (state.version, state.digest)
    stated: tuple[str | None, str | None] = (None, None)
    match record:
        case PromotionRecord(previous=previous):
            stated = (previous.version, previous.digest) if previous else stated
        case RollbackRecord():
            stated = (record.previous_version, record.previous_digest)
        case RestoreRecord():
            stated = (record.version, record.artifact_digest)
        case _:
            return
    if stated != ran:
        yield (
            RemarkKind.ALTERED,
            f"names {_show_version(*stated)} as the version that ran, but the entry before it has "
            f"{_show_version(*ran)}",
        )


def _judge_rotation(entry: LedgerEntry) -> Iterator[Violation]:
    """The keys after a rotation; that they follow from those before is judged with the state."""
    fault = rotation_fault(entry.state.keys, entry.signer) if entry.is_rotation else None
    if fault:
        yield RemarkKind.ALTERED, fault


def _judge_names(record: MovingRecord) -> Iterator[Violation]:
    tag, kind = record.artifact_tag, "-rollback-" if isinstance(record, RollbackRecord) else ""
    try:
        expected = str(Environment(record.ledger).tag(Version(record.version)))
    except ValueError as error:
        yield RemarkKind.NAME, f"{describe_move(record)}, which names no version: {error}"
        return
    found, mark, number = tag.rpartition(kind) if kind else (tag, "", "")
    if found != expected or (mark and not number.isdecimal()):
        yield (
            RemarkKind.NAME,
            f"{describe_move(record)}, but has the tag {tag} and not {expected}"
            f"{kind}{'N' if kind else ''}",
        )


def _judge_approvals(record: ApprovedRecord, policy: PolicyDocument | None) -> Iterator[Violation]:
    """The number of approvals of a rollback is judged with the history."""
    rules = policy.environment(record.ledger) if policy else None
    required = rules.approvals.required if rules else 0
    filling = count_approvals(record, policy)
    yield from judge_break_glass(record, rules)
    if filling < required and not isinstance(record, RollbackRecord) and not is_broken(record):
        yield missing_approvals(record, record.policy_digest, filling, required)
    directory = policy.directory if policy else Directory()
    requester = directory.names_in(record)
    people = [(each, _names(each, directory)) for each in record.approvals]
    if rules:
        for each in record.approvals:
            yield from _judge_delegate(each, rules.approvals, directory, record.at)
    for given, names in people:
        if not names.isdisjoint(requester):
            yield (
                RemarkKind.APPROVAL,
                f"is approved by {given.operator}, but {record.operator}, who is the same person, "
                "requested it",
            )
        yield from _judge_approval_time(record, given)
    for (one, names), (other, others) in combinations(people, 2):
        if not names.isdisjoint(others):
            yield (
                RemarkKind.APPROVAL,
                f"is approved by {one.operator} and by {other.operator}, who are the same person",
            )


def count_approvals(record: AnyRecord, policy: PolicyDocument | None) -> int:
    """Count the approvals of `record` that fill the rules of its policy."""
    given: tuple[ApprovalRecord, ...] = getattr(record, "approvals", ())
    rules = policy.environment(record.ledger) if policy else None
    if rules is None or not rules.approvals.rules or not isinstance(record, ApprovedRecord):
        return len(given)
    places = rules.approvals.assign(
        [(each.groups, each.approved_at) for each in given], record.requested_at or record.at
    )
    return sum(place is not None for place in places)


def _judge_delegate(
    given: ApprovalRecord, rules: Approvals, directory: Directory, at: datetime
) -> Iterator[Violation]:
    """An approval for another person, who delegated it until the record and is in its groups."""
    if given.delegated_by is None:
        return
    names = directory.names_of(given.delegated_by)
    delegate = directory.names_in(given)
    last = max(given.approved_at, at - MAX_CLOCK_SKEW)
    delegated = any(
        each.name in names and each.to in delegate and last < each.until for each in rules.delegates
    )
    strange = [group for group in given.groups if directory.members(group).isdisjoint(names)]
    if not delegated or strange:
        yield (
            RemarkKind.APPROVAL,
            f"is approved by {given.by}, but its policy "
            + (f"lists {given.delegated_by} in no group {strange[0]}" if delegated else "")
            + ("" if delegated else "has no such delegate at that time"),
        )


def missing_approvals(
    move: Move | ApprovedRecord, policy_digest: str, given: int, required: int
) -> Violation:
    approvals = f"{given} approval{'' if given == 1 else 's'}"
    return (
        RemarkKind.APPROVAL,
        f"{describe_move(move)} with {approvals}, but its policy {policy_digest[:19]} requires "
        f"{required}",
    )


def _judge_approval_time(record: ApprovedRecord, given: ApprovalRecord) -> Iterator[Violation]:
    asked, at = record.requested_at, given.approved_at
    if asked is not None and at < asked - MAX_CLOCK_SKEW:
        yield (
            RemarkKind.APPROVAL,
            f"was approved by {given.operator} at {show_time(at)}, before the request of "
            f"{show_time(asked)}",
        )
    if at > record.at + MAX_CLOCK_SKEW:
        yield (
            RemarkKind.APPROVAL,
            f"was approved by {given.operator} at {show_time(at)}, after it was recorded at "
            f"{show_time(record.at)}",
        )


def _judge_overrides(record: PromotionRecord, state: EnvironmentState) -> Iterator[Violation]:
    used = {each.rule for each in record.overrides}
    try:
        version = Version(record.version)
    except ValueError:
        return
    if state.runs_newer_than(version) and "version order" not in used:
        yield (
            RemarkKind.OVERRIDE,
            f"promotes {version}, which precedes the running {state.version}, and has no override "
            "of the version order",
        )


def _names(given: ApprovalRecord, directory: Directory) -> Names:
    others = (given.delegated_by,) if given.delegated_by else ()
    return Names((*directory.names_in(given), *directory.names_of(*others)))


def _describe_lock(held: LockState) -> str:
    since = f" since {show_time(held.at)}" if held.at else ""
    return f"locked by {held.operator}{since}: {held.reason}"


def _show_version(version: str | None, digest: str | None) -> str:
    return f"{version} ({(digest or '')[:19]})" if version else "none"
