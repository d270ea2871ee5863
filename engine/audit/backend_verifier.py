"""A ledger against the copies of its records that an audit backend keeps."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.audit.findings import Remarks
from engine.domain.audit import LEDGERED_RULES, RemarkKind
from engine.domain.record import AnyRecord, RefusalRecord
from engine.ports.audit_backend import AuditBackendPlugin

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
    copied_to: str | None = None

    @classmethod
    def of(cls, record: AnyRecord) -> "Mark":
        content = hashlib.sha256(record.to_bytes()).hexdigest()
        told = isinstance(record, RefusalRecord) and record.rule not in LEDGERED_RULES
        speaks = (record.kind, record.subject_digest)
        return cls(record.id, content, speaks, record.at, told, record.copied_to)


@dataclass(frozen=True, slots=True)
class Copies:
    """What a backend has of one environment, which kinds it keeps, and how records name it."""

    place: str
    keeps: Callable[[str], bool]
    marks: tuple[Mark, ...]


def copies_of(backend: AuditBackendPlugin | None, environment: str) -> Copies | None:
    """What `backend` keeps; None without one, AuditUnavailableError unread."""
    if backend is None:
        return None
    marks = tuple(Mark.of(record) for record in backend.records(environment))
    return Copies(backend.place, backend.keeps, marks)


def compare(kept: Copies, ledger: Mapping[int, Mark], remarks: Remarks) -> None:
    """Say what one has and the other has not, or has with other content."""
    copies = kept.marks
    places = {mark.id: sequence for sequence, mark in ledger.items()}
    common = [places[copy.id] for copy in copies if copy.id in places]
    for copy in copies:
        sequence = places.get(copy.id)
        if sequence is None:
            _unknown(copy, ledger, remarks)
        elif ledger[sequence].content != copy.content:
            remarks.problem(
                RemarkKind.ALTERED,
                f"Entry {sequence} and its copy in the audit backend differ: one of them was "
                "altered; the backend's is the one that nobody may write to",
                sequence,
            )
    expected = {n: mark for n, mark in ledger.items() if kept.keeps(mark.speaks[0])}
    missing = {n: mark for n, mark in expected.items() if n not in {*common}}
    _uncopied(missing, kept.place, min(common, default=max(ledger, default=0) + 1), remarks)


def _unknown(copy: Mark, ledger: Mapping[int, Mark], remarks: Remarks) -> None:
    """A copy is made before its change takes effect, so a run that ended in between leaves one."""
    if copy.told:
        return
    kind, at = copy.speaks[0], f"{copy.at:%Y-%m-%d %H:%M:%S} UTC"
    later = [n for n, mark in ledger.items() if mark.speaks == copy.speaks and mark.at >= copy.at]
    if later:
        remarks.note(
            RemarkKind.UNCOMMITTED,
            f"The audit backend has the {kind} {copy.id} of {at}, which never took effect: entry "
            f"{min(later)} was made when it was repeated",
        )
        return
    remarks.problem(
        RemarkKind.MISSING,
        f"The audit backend has the {kind} {copy.id} of {at}, and the ledger has not: if a run was "
        f"interrupted then, repeat it; else {_RESTORE}",
    )


def _uncopied(missing: Mapping[int, Mark], place: str, first: int, remarks: Remarks) -> None:
    """A record names the backend that had a copy of it, so a copy that was deleted is missed."""
    deleted = {n for n, mark in missing.items() if mark.copied_to == place}
    before = sorted(n for n in {*missing} - deleted if n < first)
    if before:
        remarks.note(
            RemarkKind.UNCOPIED,
            f"The audit backend has no copy of entries {before[0]} to {before[-1]}: they are "
            "older than the first it has, and none of them was copied to it",
            before[-1],
        )
    for sequence in sorted(deleted):
        remarks.problem(
            RemarkKind.UNCOPIED,
            f"Entry {sequence} was copied to the audit backend, and the copy is gone: find out "
            "who can delete there, and restore it",
            sequence,
        )
    for sequence in sorted({*missing} - deleted - {*before}):
        remarks.problem(
            RemarkKind.UNCOPIED,
            f"Entry {sequence} has no copy in the audit backend: find out who can delete there, or "
            "who records without it",
            sequence,
        )
