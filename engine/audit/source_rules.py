"""
The rules of a promotion that depend on the ledger of its source.

The two ledgers are ordered by time only, so the source is judged at every moment at which the
promotion may have been planned: MAX_CLOCK_SKEW before and after its record.
"""

from collections.abc import Iterator, Sequence

from engine.audit.history import MAX_CLOCK_SKEW
from engine.audit.past_moves import PastMoves
from engine.audit.quarantine_rules import judge_withdrawal
from engine.audit.record_rules import Violation, describe_move, show_time
from engine.domain.audit import RemarkKind
from engine.domain.move import Move
from engine.domain.policy_document import PolicyDocument


def judge_source(
    move: Move,
    source: str,
    target: str,
    policy: PolicyDocument,
    overrides: Sequence[str],
    past: PastMoves,
    *,
    stated: bool,
) -> Iterator[Violation]:
    """
    Judge the promotion `move` from `source` into `target` by the `past` moves of the source.

    Where any of several sources is enough, only the ones `stated` in the record had the artifact.
    """
    last = move.at + MAX_CLOCK_SKEW
    built = source == policy.path.entry.name
    promoted = past.find(
        move.digest, lambda m: m.at <= last and m.promotes(move.digest, move.version)
    )
    if promoted is None and not built and stated:
        yield (
            RemarkKind.SOURCE,
            f"promotes {move.version} ({move.digest[:19]}), but no record brought it to {source} "
            f"until {show_time(move.at)}",
        )
    yield from judge_withdrawal(move, describe_move(move), source, overrides, past, direct=True)
    # The version may have come to another source of several before it came to this one.
    first = move.at - MAX_CLOCK_SKEW
    judged = stated or past.find(
        move.digest, lambda m: m.at <= first and m.promotes(move.digest, move.version)
    )
    if judged and policy.path.environment(target).separation_of_duties:
        yield from _judge_duties(move, source, policy, past, built=built)


def _judge_duties(
    move: Move, source: str, policy: PolicyDocument, past: PastMoves, *, built: bool
) -> Iterator[Violation]:
    """The newest promoter into the source may not promote it further."""
    requester = policy.directory.names_in(move)

    def is_allowed(promotion: Move) -> bool:
        names = policy.directory.names_in(promotion)
        return names.isdisjoint(requester)

    first, last = move.at - MAX_CLOCK_SKEW, move.at + MAX_CLOCK_SKEW
    older = past.find(move.digest, lambda m: m.at <= first and m.promotes(move.digest))
    if (older and is_allowed(older)) or (older is None and built):
        return
    newest = past.find(move.digest, lambda m: m.at <= last and m.promotes(move.digest))
    other = past.find(
        move.digest,
        lambda m: first < m.at <= last and m.promotes(move.digest) and is_allowed(m),
    )
    if newest and other is None:
        yield (
            RemarkKind.DUTIES,
            f"promotes {move.version} by {move.operator}, but {newest.operator}, the same person, "
            f"promoted it to {source} in entry {newest.sequence}, and the policy separates these "
            "duties",
        )
