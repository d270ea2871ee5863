"""A ledger against the copies of its records that an audit backend keeps (spec 14)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.audit.remarks import Remarks
from engine.auditing import AuditBackendPlugin
from engine.domain.audit import LEDGERED_RULES, Kind
from engine.domain.record import AnyRecord, RefusalRecord

_RESTORE = "restore the ledger from a backup of the registry, and find out who can write there"


@dataclass(frozen=True, slots=True)
class Mark:
    """
    What tells records apart: bytes of `content` (SHA-256), and what `speaks` of one thing. Of what
    is `told` no ledger has an entry: nothing came of it.
    """

    id: str
    content: str
    speaks: tuple[str, str | None]
    at: datetime
    told: bool = False

    @classmethod
    def of(cls, record: AnyRecord) -> "Mark":
        content = hashlib.sha256(record.to_bytes()).hexdigest()
        told = isinstance(record, RefusalRecord) and record.rule not in LEDGERED_RULES
        return cls(record.id, content, (record.kind, record.subject_digest), record.at, told)


def copies_of(backend: AuditBackendPlugin | None, environment: str) -> tuple[Mark, ...] | None:
    """The marks of what `backend` keeps; None without one, AuditUnavailableError unread."""
    if backend is None:
        return None
    return tuple(Mark.of(record) for record in backend.records(environment))


def compare(copies: Sequence[Mark], ledger: Mapping[int, Mark], remarks: Remarks) -> None:
    """Say what one has and the other has not, or has with other content."""
    places = {mark.id: sequence for sequence, mark in ledger.items()}
    common = [places[copy.id] for copy in copies if copy.id in places]
    for copy in copies:
        sequence = places.get(copy.id)
        if sequence is None:
            _unknown(copy, ledger, remarks)
        elif ledger[sequence].content != copy.content:
            remarks.problem(
                Kind.ALTERED,
                f"Entry {sequence} and its copy in the audit backend differ: one of them was "
                "altered; the backend's is the one that nobody may write to",
                sequence,
            )
    _uncopied({*ledger} - {*common}, min(common, default=None), remarks)


def _unknown(copy: Mark, ledger: Mapping[int, Mark], remarks: Remarks) -> None:
    """A copy is made before its change takes effect, so a run that ended in between leaves one."""
    if copy.told:
        return
    kind, at = copy.speaks[0], copy.at.isoformat(timespec="seconds")
    later = [n for n, mark in ledger.items() if mark.speaks == copy.speaks and mark.at >= copy.at]
    if later:
        remarks.note(
            Kind.UNCOMMITTED,
            f"The audit backend has the {kind} {copy.id} of {at}, which never took effect: entry "
            f"{min(later)} was made when it was repeated",
        )
        return
    remarks.problem(
        Kind.MISSING,
        f"The audit backend has the {kind} {copy.id} of {at}, and the ledger has not: if a run was "
        f"interrupted then, repeat it; else {_RESTORE}",
    )


def _uncopied(missing: set[int], first: int | None, remarks: Remarks) -> None:
    """What is older than every copy was recorded before there was a backend."""
    before = sorted(n for n in missing if first is not None and n < first)
    if before:
        remarks.note(
            Kind.UNCOPIED,
            f"The audit backend has no copy of entries {before[0]} to {before[-1]}: they are "
            "older than the first it has",
            before[-1],
        )
    for sequence in sorted(missing - {*before}):
        remarks.problem(
            Kind.UNCOPIED,
            f"Entry {sequence} has no copy in the audit backend: find out who can delete there, or "
            "who records without it",
            sequence,
        )
