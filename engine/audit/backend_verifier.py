"""Compares a ledger with the copies of its records in an audit backend."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.audit.findings import Remarks
from engine.domain.audit import LEDGERED_RULES, RemarkKind
from engine.domain.record import AnyRecord, RefusalRecord
from engine.ports.audit_backend import AuditBackendPlugin

_RESTORE = "restore the ledger from a backup of the registry, and find out who else can write there"


@dataclass(frozen=True, slots=True)
class Mark:
    """
    The parts of a record to compare: `content` is the SHA-256 of its bytes, `about` its kind and
    subject. A `backend_only` record, of a change without effect, has no ledger entry.
    """

    id: str
    content: str
    about: tuple[str, str | None]
    at: datetime
    backend_only: bool = False
    copied_to: str | None = None

    @classmethod
    def of(cls, record: AnyRecord) -> "Mark":
        content = hashlib.sha256(record.to_bytes()).hexdigest()
        backend_only = isinstance(record, RefusalRecord) and record.rule not in LEDGERED_RULES
        about = (record.kind, record.subject_digest)
        return cls(record.id, content, about, record.at, backend_only, record.copied_to)


@dataclass(frozen=True, slots=True)
class Copies:
    """
    The records of one environment in a backend. `keeps` tells which kinds the backend stores;
    `place` identifies the backend in records.
    """

    place: str
    keeps: Callable[[str], bool]
    marks: tuple[Mark, ...]


def read_copies(backend: AuditBackendPlugin | None, environment: str) -> Copies | None:
    """Read all copies from `backend`; None without a backend."""
    if backend is None:
        return None
    marks = tuple(Mark.of(record) for record in backend.records(environment))
    return Copies(backend.place, backend.keeps, marks)


def compare(kept: Copies, ledger: Mapping[int, Mark], remarks: Remarks) -> None:
    """Report records that only one side has, or that differ."""
    copies = kept.marks
    places = {mark.id: sequence for sequence, mark in ledger.items()}
    common = [places[copy.id] for copy in copies if copy.id in places]
    for copy in copies:
        sequence = places.get(copy.id)
        if sequence is None:
            _report_without_entry(copy, ledger, remarks)
        elif ledger[sequence].content != copy.content:
            remarks.problem(
                RemarkKind.ALTERED,
                f"Entry {sequence} and its copy in the audit backend differ: one of them was "
                "altered; trust the copy if the backend is write-once",
                sequence,
            )
    expected = {n: mark for n, mark in ledger.items() if kept.keeps(mark.about[0])}
    missing = {n: mark for n, mark in expected.items() if n not in {*common}}
    first = min(common, default=max(ledger, default=0) + 1)
    _report_without_copy(missing, kept.place, first, remarks)


def _report_without_entry(copy: Mark, ledger: Mapping[int, Mark], remarks: Remarks) -> None:
    """Report a copy that has no entry; an interrupted run leaves one, since copies come first."""
    if copy.backend_only:
        return
    kind, at = copy.about[0], f"{copy.at:%Y-%m-%d %H:%M:%S} UTC"
    later = [n for n, mark in ledger.items() if mark.about == copy.about and mark.at >= copy.at]
    if later:
        remarks.note(
            RemarkKind.UNCOMMITTED,
            f"The audit backend has the {kind} {copy.id} of {at}, which never took effect: it was "
            f"repeated as entry {min(later)}",
        )
        return
    remarks.problem(
        RemarkKind.MISSING,
        f"The ledger has no entry for the {kind} {copy.id} of {at}, which the audit backend has: "
        f"if a run was interrupted then, repeat it; else {_RESTORE}",
    )


def _report_without_copy(
    missing: Mapping[int, Mark], place: str, first: int, remarks: Remarks
) -> None:
    """Report entries without a copy: deleted if the record names the backend, else not made."""
    deleted = {n for n, mark in missing.items() if mark.copied_to == place}
    before = sorted(n for n in {*missing} - deleted if n < first)
    if before:
        remarks.note(
            RemarkKind.UNCOPIED,
            f"The audit backend has no copies of entries {before[0]} to {before[-1]}: they are "
            "older than its first copy, and were never copied to it",
            before[-1],
        )
    for sequence in sorted(deleted):
        remarks.problem(
            RemarkKind.UNCOPIED,
            f"Entry {sequence} was copied to the audit backend, but the copy is missing: find out "
            "who can delete there, and restore it",
            sequence,
        )
    for sequence in sorted({*missing} - deleted - {*before}):
        remarks.problem(
            RemarkKind.UNCOPIED,
            f"Entry {sequence} has no copy in the audit backend: find out who can delete there, or "
            "who runs floe without the backend",
            sequence,
        )
