"""Finds earlier promotions and rollbacks: among entries read before, or by the index."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from engine.domain.ledger import LedgerEntry
from engine.domain.move import Move
from engine.domain.record import AnyRecord
from engine.ports import LedgerReader

# At 10,000 records, a lookup in the index takes at most this many requests.
_LOOKUP = 8


class PastMoves(Protocol):
    """The moves of one environment, up to an entry."""

    def find(self, name: str, wanted: Callable[[Move], bool]) -> Move | None:
        """
        The newest move about `name`, a digest or a version, that is `wanted`; None without one.

        LedgerUnreadableError for a corrupt ledger, and RegistryError if it cannot be read.
        """
        ...


@dataclass(frozen=True)
class ReadMoves:
    """Moves in memory. With `before`, only those of earlier entries count."""

    by_name: dict[str, list[Move]] = field(default_factory=lambda: defaultdict(list))
    before: int | None = None

    @classmethod
    def of(cls, entries: Iterable[LedgerEntry]) -> "ReadMoves":
        """Collect the moves of `entries`, which are newest first."""
        moves = cls()
        for entry in entries:
            moves.add(Move.of(entry.record, entry.sequence))
        return moves

    def add(self, move: Move | None) -> None:
        """Add the next older move, if any."""
        if move is None:
            return
        for name in {move.digest, move.version, move.left or move.digest}:
            self.by_name[name].append(move)

    def until(self, sequence: int) -> "ReadMoves":
        """The moves before the entry at `sequence`."""
        return ReadMoves(self.by_name, sequence)

    def find(self, name: str, wanted: Callable[[Move], bool]) -> Move | None:
        for move in self.by_name.get(name, ()):
            if (self.before is None or move.sequence < self.before) and wanted(move):
                return move
        return None


@dataclass(frozen=True)
class IndexedMoves:
    """Moves up to `head`, found by the index of the ledger: O(log n) requests for each."""

    ledger: LedgerReader
    head: LedgerEntry | None

    def find(self, name: str, wanted: Callable[[Move], bool]) -> Move | None:
        if self.head is None:
            return None
        found = self.ledger.find(self.head, name, partial(_is_wanted, wanted))
        return Move.of(found.record, found.sequence) if found else None


def open_moves(ledger: LedgerReader, environment: str, lookups: int) -> PastMoves:
    """The moves of `environment`, by the cheaper way for a number of `lookups`."""
    head = ledger.head(environment)
    if head is not None and head.sequence <= lookups * _LOOKUP:
        return ReadMoves.of(ledger.history(environment, head.sequence))
    return IndexedMoves(ledger, head)


def _is_wanted(wanted: Callable[[Move], bool], record: AnyRecord) -> bool:
    move = Move.of(record)
    return move is not None and wanted(move)
