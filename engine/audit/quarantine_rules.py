"""The rules about versions that a rollback withdrew, in their environment and in later ones."""

from collections.abc import Iterator, Sequence

from engine.audit.history import MAX_CLOCK_SKEW
from engine.audit.past_moves import PastMoves
from engine.domain.audit import RemarkKind
from engine.domain.move import Move
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.release_records import ReleaseRecord
from engine.domain.state import EnvironmentState

Violation = tuple[RemarkKind, str]


def overrides_of(record: AnyRecord) -> tuple[str, ...]:
    """The rules that a promotion overrides, or the warnings of a rollback, which stand for them."""
    if isinstance(record, PromotionRecord):
        return tuple(each.rule for each in record.overrides)
    return record.warnings if isinstance(record, RollbackRecord) else ()


def judge_quarantine(record: AnyRecord, state: EnvironmentState) -> Iterator[Violation]:
    """A release ends a quarantine in `state`, and a change that does so says it."""
    match record:
        case ReleaseRecord():
            if (record.version, record.artifact_digest) not in {
                (each.version, each.digest) for each in state.quarantined
            }:
                yield (
                    RemarkKind.OVERRIDE,
                    f"releases {record.version} ({record.artifact_digest[:19]}), which was not "
                    "quarantined",
                )
        case PromotionRecord() | RollbackRecord():
            digest = record.artifact_digest
            held = next((each for each in state.quarantined if each.digest == digest), None)
            if held and not _admits(overrides_of(record), record.ledger):
                rollback = isinstance(record, RollbackRecord)
                yield (
                    RemarkKind.OVERRIDE,
                    f"{'rolls back to' if rollback else 'promotes'} {record.version}, which was "
                    f"quarantined {held}, and has no override",
                )


def judge_withdrawal(
    move: Move, text: str, source: str, overrides: Sequence[str], past: PastMoves, *, direct: bool
) -> Iterator[Violation]:
    """
    Judge `move`, which `text` describes, by the rollbacks of `source`, an environment before it.

    Unless it is a `direct` source of a promotion, only a quarantine counts.
    """
    first, last = move.at - MAX_CLOCK_SKEW, move.at + MAX_CLOCK_SKEW
    newest = past.find(move.digest, lambda m: m.at <= first and m.concerns(move.digest))
    if newest is None or not newest.withdraws(move.digest) or _admits(overrides, source):
        return
    again = past.find(move.digest, lambda m: first < m.at <= last and m.digest == move.digest)
    # A build may publish the same content under a version that never arrived there, or arrived
    # there with other content.
    arrived = direct and past.find(
        move.version,
        lambda m: m.at <= first and (m.version, m.digest) == (move.version, move.digest),
    )
    if (newest.quarantines or arrived) and again is None:
        yield (
            RemarkKind.OVERRIDE,
            f"{text} at {move.at:%Y-%m-%d %H:%M:%S} UTC, but entry {newest.sequence} of {source} "
            f"rolled back from it at {newest.at:%Y-%m-%d %H:%M:%S} UTC, and the record has no "
            "override",
        )


def _admits(overrides: Sequence[str], environment: str) -> bool:
    """Whether a promotion overrides the rule, or a rollback warned about `environment`."""
    start = f"{environment} was rolled back from "
    return any(each == "rolled back" or each.startswith(start) for each in overrides)
