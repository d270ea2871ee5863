"""
The rules that one record follows, given the entry before it and the policy it names.

Each rule yields its violations: the kind of finding, and a clause that follows "Entry 3 of prod".
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from engine.audit.history import MAX_CLOCK_SKEW
from engine.domain.artifact import Version
from engine.domain.audit import RemarkKind
from engine.domain.environment import Environment
from engine.domain.identity import Directory
from engine.domain.key_trust import rotation_fault
from engine.domain.ledger import LedgerEntry
from engine.domain.move import Move
from engine.domain.names import Names
from engine.domain.policy_document import PolicyDocument
from engine.domain.record import (
    AnyRecord,
    ApprovalRecord,
    LockRecord,
    PromotionRecord,
    RestoreRecord,
    RollbackRecord,
    UnlockRecord,
)
from engine.domain.state import EMPTY, EnvironmentState, LockState, lock_in_force

Violation = tuple[RemarkKind, str]
MovingRecord = PromotionRecord | RollbackRecord


def judge_record(
    before: LedgerEntry | None, entry: LedgerEntry, policy: PolicyDocument | None
) -> Iterator[Violation]:
    """Judge the record of `entry`, which follows `before`; without a `policy` only by the rest."""
    record, state = entry.record, before.state if before else EMPTY
    yield from _judge_times(before, record)
    yield from _judge_lock(record, state, policy)
    yield from _judge_previous(record, state)
    yield from _judge_rotation(entry)
    if isinstance(record, MovingRecord):
        yield from _judge_names(record)
        yield from _judge_approvals(record, policy)
    if isinstance(record, PromotionRecord):
        yield from _judge_order(record, state)


def lock_of(record: AnyRecord, state: EnvironmentState, policy: PolicyDocument | None) -> str:
    """Describe the lock in force when `record` was made; empty without one."""
    rules = policy.environment(record.ledger) if policy else None
    held = lock_in_force(rules or Environment(record.ledger), state, record.at)
    return _describe_lock(held) if held else ""


def show_time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def describe_move(move: Move | MovingRecord) -> str:
    """`promotes v1.0.0` or `rolls back to v1.0.0`."""
    rollback = isinstance(move, RollbackRecord) or (isinstance(move, Move) and move.rollback)
    return f"{'rolls back to' if rollback else 'promotes'} {move.version}"


def _judge_times(before: LedgerEntry | None, record: AnyRecord) -> Iterator[Violation]:
    if before is not None and record.at < before.record.at - MAX_CLOCK_SKEW:
        yield (
            RemarkKind.TIME,
            f"is of {show_time(record.at)}, but entry {before.sequence} before it is of "
            f"{show_time(before.record.at)}",
        )
    asked = record.requested_at if isinstance(record, MovingRecord) else None
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
    if held and isinstance(record, PromotionRecord):
        yield RemarkKind.LOCKED, f"promotes {record.version}, but {record.ledger} was {held}"
    if held and isinstance(record, LockRecord):
        yield RemarkKind.LOCKED, f"locks {record.ledger}, which was already {held}"
    fixed = (policy.environment(record.ledger) if policy else None) or Environment(record.ledger)
    if isinstance(record, UnlockRecord) and fixed.fixed_lock is not None:
        yield (
            RemarkKind.LOCKED,
            f"unlocks {record.ledger}, but its manifest locks it: {fixed.fixed_lock.reason}",
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


def _judge_approvals(record: MovingRecord, policy: PolicyDocument | None) -> Iterator[Violation]:
    """The number of approvals of a rollback is judged with the history."""
    rules = policy.environment(record.ledger) if policy else None
    required = rules.approvals.required if rules else 0
    if isinstance(record, PromotionRecord) and len(record.approvals) < required:
        yield missing_approvals(record, record.policy_digest, len(record.approvals), required)
    directory = policy.directory if policy else Directory()
    requester = directory.names_of(record.operator, record.operator_id)
    people = [(each, _names(each, directory)) for each in record.approvals]
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


def missing_approvals(
    move: Move | MovingRecord, policy_digest: str, given: int, required: int
) -> Violation:
    approvals = f"{given} approval{'' if given == 1 else 's'}"
    return (
        RemarkKind.APPROVAL,
        f"{describe_move(move)} with {approvals}, but its policy {policy_digest[:19]} requires "
        f"{required}",
    )


def _judge_approval_time(record: MovingRecord, given: ApprovalRecord) -> Iterator[Violation]:
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


def _judge_order(record: PromotionRecord, state: EnvironmentState) -> Iterator[Violation]:
    try:
        version = Version(record.version)
    except ValueError:
        return
    overridden = any(each.rule == "version order" for each in record.overrides)
    if state.runs_newer_than(version) and not overridden:
        yield (
            RemarkKind.OVERRIDE,
            f"promotes {version}, which precedes the running {state.version}, and has no override "
            "of the version order",
        )


def _names(given: ApprovalRecord, directory: Directory) -> Names:
    return directory.names_of(given.operator, given.operator_id)


def _describe_lock(held: LockState) -> str:
    since = f" since {show_time(held.at)}" if held.at else ""
    return f"locked by {held.operator}{since}: {held.reason}"


def _show_version(version: str | None, digest: str | None) -> str:
    return f"{version} ({(digest or '')[:19]})" if version else "none"
