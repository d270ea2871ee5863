"""
Judges the meaning of the records in a ledger: each follows the rules of its own policy.

Two ledgers are ordered by time only. Clocks may differ by MAX_CLOCK_SKEW, so a promotion is good
if the source allowed it at any moment within this time before or after it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from engine.audit.break_glass_rules import breaks_lock
from engine.audit.chain_verifier import Place, skips
from engine.audit.findings import Remarks
from engine.audit.past_moves import IndexedMoves, PastMoves, ReadMoves
from engine.audit.quarantine_rules import judge_withdrawal, overrides_of
from engine.audit.record_rules import (
    Violation,
    count_approvals,
    describe_move,
    judge_record,
    judge_windows,
    lock_of,
    missing_approvals,
)
from engine.audit.source_rules import judge_source
from engine.domain.audit import RemarkKind
from engine.domain.errors import LedgerUnreadableError
from engine.domain.ledger import LedgerEntry
from engine.domain.move import Move, goes_forward
from engine.domain.path import NO_ENVIRONMENT
from engine.domain.policy_document import PolicyDocument
from engine.domain.record import PromotionRecord
from engine.domain.state import EMPTY
from engine.ports import LedgerReader

# Finds the policy document with a digest; None for an unknown one.
FindPolicy = Callable[[str], PolicyDocument | None]
# Opens the moves of an environment, for a number of lookups.
OpenMoves = Callable[[str, int], PastMoves]


@dataclass(frozen=True, slots=True)
class Step:
    """
    A move that is judged once the earlier moves are known.

    `sources` are the stated sources of a promotion, `approvals` the number of those that fill
    rules, `glass` marks a break-glass, `overrides` are as in `overrides_of`. `ran` is the version
    and digest before it, `lock` the lock in force. `before` is the entry before it, where earlier
    entries are not read.
    """

    move: Move
    policy: PolicyDocument | None
    sources: tuple[str, ...]
    approvals: int
    glass: bool
    overrides: tuple[str, ...]
    ran: tuple[str | None, str | None]
    lock: str
    before: LedgerEntry | None


@dataclass
class MeaningVerifier:
    """
    Judges the entries of `environment`, which are added newest first.

    An entry is judged when the one before it is added, its relation to older moves and to the
    source in `finish`. Unless `complete`, entries before the last one added are not read.
    """

    environment: str
    ledger: LedgerReader
    find_policy: FindPolicy
    remarks: Remarks
    complete: bool
    moves: ReadMoves = field(default_factory=ReadMoves)
    _steps: list[Step] = field(default_factory=list)
    _later: LedgerEntry | None = None
    _gap: bool = False
    # The rollbacks to a newer version.
    _forward: set[int] = field(default_factory=set)

    @property
    def broken(self) -> bool:
        """Whether entries are missing, which is reported elsewhere: absence then proves nothing."""
        first = self._later
        return self._gap or (self.complete and first is not None and first.previous_sequence > 0)

    def add(self, place: Place) -> None:
        """Add the next older entry; one that nothing proves does not count."""
        if not place.proven:
            return
        entry, later, self._later = place.entry, self._later, place.entry
        if later is not None:
            if later.previous_sequence == entry.sequence and not skips(later):
                self._judge(entry, later)
            else:
                self._gap = True
        if not entry.previous_sequence:
            self._judge(None, entry)
        self.moves.add(Move.of(entry.record, entry.sequence))

    @property
    def all_moves(self) -> ReadMoves:
        """The moves of the whole ledger; LedgerUnreadableError if entries are missing."""
        if self.broken:
            raise LedgerUnreadableError("entries are missing there")
        return self.moves

    def finish(self, open_moves: OpenMoves) -> None:
        """Judge the moves by the earlier ones, and by those of the source."""
        if self.broken:
            return
        self._try(self.environment, self._judge_histories)
        groups: dict[str, list[Step]] = {}
        for step in self._steps:
            for source in self._earlier(step):
                groups.setdefault(source, []).append(step)
        for name, steps in groups.items():
            self._try(name, partial(self._judge_sources, name, steps, open_moves))

    def _try(self, ledger: str, judge: Callable[[], None]) -> None:
        """Note that `judge` could not read the `ledger`, which may be corrupt."""
        try:
            judge()
        except LedgerUnreadableError as error:
            self.remarks.note(
                RemarkKind.UNJUDGED,
                f"The records of {self.environment} were not compared with the ledger of {ledger}: "
                f"{error}",
            )

    def _judge_histories(self) -> None:
        for step in self._steps:
            self._report(step.move.sequence, self._judge_history(step))

    def _judge_sources(self, source: str, steps: list[Step], open_moves: OpenMoves) -> None:
        past = open_moves(source, len(steps))
        for step in steps:
            if source not in _sources(step, self.environment):
                text = describe_move(step.move)
                found = judge_withdrawal(
                    step.move, text, source, step.overrides, past, direct=False
                )
                self._report(step.move.sequence, found)
            elif step.policy:
                found = judge_source(
                    step.move,
                    source,
                    self.environment,
                    step.policy,
                    step.overrides,
                    past,
                    stated=source in step.sources,
                )
                self._report(step.move.sequence, found)

    def _earlier(self, step: Step) -> tuple[str, ...]:
        """The environments whose ledgers allow it: none for a rollback to an older version."""
        policy, move = step.policy, step.move
        if policy is None or policy.environment(self.environment) is None:
            return ()
        if move.rollback and move.sequence not in self._forward:
            return ()
        earlier = policy.path.quarantining(self.environment)
        return tuple(dict.fromkeys((*_sources(step, self.environment), *earlier)))

    def _judge(self, before: LedgerEntry | None, entry: LedgerEntry) -> None:
        record, policy = entry.record, self.find_policy(entry.record.policy_digest)
        self._report(entry.sequence, judge_record(before, entry, policy))
        move, state = Move.of(record, entry.sequence), before.state if before else EMPTY
        if move is None or move.release:
            return
        promoted = record if isinstance(record, PromotionRecord) else None
        self._steps.append(
            Step(
                move=move,
                policy=policy,
                sources=_stated_sources(promoted),
                approvals=count_approvals(record, policy),
                glass=getattr(record, "break_glass", None) is not None,
                overrides=overrides_of(record),
                ran=(state.version, state.digest),
                lock="" if breaks_lock(record, policy) else lock_of(record, state, policy),
                before=None if self.complete else before,
            )
        )

    def _report(self, sequence: int, violations: Iterable[Violation]) -> None:
        for kind, fact in violations:
            self.remarks.broken_rule(kind, sequence, fact)

    def _judge_history(self, step: Step) -> Iterator[Violation]:
        move = step.move
        past: PastMoves = (
            self.moves.until(move.sequence)
            if self.complete
            else IndexedMoves(self.ledger, step.before)
        )
        known = past.find(move.version, lambda each: each.version == move.version)
        if known is not None and known.digest != move.digest:
            yield (
                RemarkKind.NAME,
                f"{describe_move(move)} as {move.digest[:19]}, but entry {known.sequence} recorded "
                f"it as {known.digest[:19]}",
            )
        elif move.rollback:
            yield from self._judge_rollback(step, past)
        elif step.policy and step.policy.environment(self.environment) is None:
            yield (
                RemarkKind.SOURCE,
                f"{describe_move(move)}, but its policy {step.policy.digest[:19]} has no "
                f"environment {self.environment}",
            )
        elif step.policy and not _follows_path(step, step.policy, self.environment):
            yield (
                RemarkKind.SOURCE,
                f"{describe_move(move)} from {' and '.join(step.sources)}, but its policy "
                f"{step.policy.digest[:19]} has the path {step.policy.path}",
            )

    def _judge_rollback(self, step: Step, past: PastMoves) -> Iterator[Violation]:
        environment, move, (version, digest) = self.environment, step.move, step.ran
        promoted = past.find(move.digest, lambda m: m.promotes(move.digest, move.version))
        if promoted is None:
            yield (
                RemarkKind.SOURCE,
                f"{describe_move(move)} ({move.digest[:19]}), but no earlier entry promoted it",
            )
            return
        running = past.find(digest, lambda m: m.promotes(digest, version)) if digest else None
        forward = goes_forward(promoted.sequence, running.sequence if running else None)
        if forward:
            self._forward.add(move.sequence)
        if step.lock and forward:
            yield (
                RemarkKind.LOCKED,
                f"{describe_move(move)}, which was promoted after the running {version}, but "
                f"{environment} was {step.lock}",
            )
        # A rollback in a closed window about rollbacks is reported with its record.
        if (
            forward
            and not step.glass
            and not any(judge_windows(move, environment, "rollback", step.policy))
        ):
            yield from judge_windows(move, environment, "promote", step.policy)
        rules = step.policy.environment(environment) if step.policy else None
        asked = rules and (forward or rules.approvals.rollback)
        required = rules.approvals.required if rules and asked else 0
        if step.policy and step.approvals < required and not step.glass:
            yield missing_approvals(move, step.policy.digest, step.approvals, required)


def _sources(step: Step, environment: str) -> tuple[str, ...]:
    """The environments whose ledgers allow the promotion; none if a build does."""
    policy = step.policy
    if step.move.rollback or policy is None or policy.environment(environment) is None:
        return ()
    return tuple(source.name for source in policy.path.sources(environment))


def _stated_sources(record: PromotionRecord | None) -> tuple[str, ...]:
    return (record.sources or (record.source_environment,)) if record else ()


def _follows_path(step: Step, policy: PolicyDocument, environment: str) -> bool:
    """Whether the record states the sources that its policy has; any of them, if one is enough."""
    expected = _sources(step, environment) or (NO_ENVIRONMENT,)
    if policy.path.environment(environment).any_source:
        return {*step.sources} <= {*expected}
    return step.sources == expected
