"""Compares the timestamps of entries with the times in their records."""

from dataclasses import dataclass, field

from engine.audit.chain_verifier import Place
from engine.audit.findings import Remarks
from engine.audit.history import MAX_CLOCK_SKEW
from engine.audit.record_rules import show_time
from engine.domain.audit import RemarkKind


@dataclass
class Timestamps:
    """
    The timestamps of the entries of one ledger, which are added newest first.

    They are `verified` where the certificates of an authority are configured.
    """

    verified: bool
    remarks: Remarks
    _stamped: list[int] = field(default_factory=list)
    _unstamped: list[int] = field(default_factory=list)

    def add(self, place: Place) -> None:
        """Add the next older entry; one that nothing proves does not count."""
        if not place.proven:
            return
        (self._stamped if place.stamped else self._unstamped).append(place.sequence)
        at, timestamp = place.entry.record.at, place.timestamp
        if timestamp is not None and abs(timestamp - at) > MAX_CLOCK_SKEW:
            self.remarks.broken_rule(
                RemarkKind.TIMESTAMP,
                place.sequence,
                f"is of {show_time(at)}, but its signature has a timestamp of "
                f"{show_time(timestamp)}",
            )

    def note(self, hint: str) -> None:
        """Note the entries without a timestamp; `hint` says where certificates are named."""
        if self.verified and self._unstamped:
            self.remarks.note(
                RemarkKind.UNSTAMPED,
                f"{_count(self._unstamped)} of {self.remarks.environment} without a timestamp: "
                "expected for those made before ledger.timestamp was configured, or while the "
                "authority did not answer. Timestamps of entries before and after them still limit "
                "when they were made",
                self._unstamped[0],
            )
        if self._stamped and not self.verified:
            self.remarks.note(
                RemarkKind.UNCONFIRMED,
                f"{_count(self._stamped)} of {self.remarks.environment} with timestamps, which "
                f"were not verified: {hint}",
                self._stamped[0],
            )


def _count(sequences: list[int]) -> str:
    """`1 entry (7)` or `3 entries (5 to 9)`, of numbers in descending order."""
    last, first = sequences[0], sequences[-1]
    if len(sequences) == 1:
        return f"1 entry ({last})"
    return f"{len(sequences)} entries ({first} to {last})"
