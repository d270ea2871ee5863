"""The rows of the history page."""

from dataclasses import dataclass
from datetime import datetime

from engine.bootstrap.server import CachedRecord
from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.domain.record import (
    AnyRecord,
    PromotionRecord,
    RefusalRecord,
    RejectionRecord,
    RollbackRecord,
)
from engine.domain.release_records import ReviewRecord, UnwaiveRecord, WaiveRecord
from engine.domain.upkeep_records import AcknowledgeRecord, RotateRecord
from engine.domain.versions import is_version
from engine.domain.waiver import waiver_key
from engine.ports.change_store import ChangeStore
from web.site import Site

_CHANGES = 300
RESULTS = {
    "promotion": ("promoted", "good"),
    "rollback": ("rolled back", "info"),
    "restore": ("restored", "info"),
    "lock": ("locked", "warn"),
    "unlock": ("unlocked", "good"),
    "acknowledge": ("acknowledged", "info"),
    "rotate": ("rotated", "warn"),
    "repair": ("repaired", "info"),
    "waive": ("waived", "warn"),
    "unwaive": ("waiver ended", "good"),
    "release": ("released", "info"),
    "refusal": ("refused", "bad"),
    "rejection": ("rejected", "bad"),
    "review": ("reviewed", "good"),
}


@dataclass(frozen=True)
class PastRow:
    """
    A row. `took` and `active` are seconds; `running` marks the present version, and `before` is the
    version that it replaced.
    """

    kept: CachedRecord
    event: str
    version: str
    approved_by: tuple[str, ...]
    reason: str
    result: str
    tone: str
    took: float | None
    active: float | None
    running: bool
    change: str | None
    before: str | None


def past(
    site: Site, kept: tuple[CachedRecord, ...], running: frozenset[str], now: datetime
) -> tuple[PastRow, ...]:
    """Turn entries into rows; `running` holds the record IDs of the present versions."""
    by_record = changes_by_record(site.platform.store)
    return tuple(make_row(each, by_record, each.record.id in running, now) for each in kept)


def make_row(
    kept: CachedRecord, changes: dict[str, Change], running: bool, now: datetime
) -> PastRow:
    """Turn an entry into a row; `changes` are found by the IDs of their records."""
    record = kept.record
    change = changes.get(record.id)
    result, tone = RESULTS[record.kind]
    until = kept.until or (now if running else None)
    return PastRow(
        kept=kept,
        event=_event(record),
        version=record.subject_version or "",
        approved_by=approvers_of(record),
        reason=reason_of(record),
        result=result,
        tone=tone,
        took=_took(record, change),
        active=(until - record.at).total_seconds() if until else None,
        running=running,
        change=change.id if change else _change_of(record),
        before=version_before(record),
    )


def _event(record: AnyRecord) -> str:
    match record:
        case PromotionRecord():
            source = record.source_environment
            return f"{'build' if source == 'none' else source} → {record.target_environment}"
        case RefusalRecord():
            return f"{record.action} to {record.environment}"
        case RejectionRecord():
            return f"{record.action} to {record.environment}"
        case AcknowledgeRecord():
            return f"number {record.void_sequence} of {record.environment} does not count"
        case WaiveRecord():
            return f"{record.terms.shown} in {record.environment}"
        case UnwaiveRecord():
            return f"{waiver_key(record.vulnerability, record.package)} in {record.environment}"
        case RotateRecord():
            return f"keys of {record.environment}"
        case _:
            return f"{record.kind} {record.ledger}"


def approvers_of(record: AnyRecord) -> tuple[str, ...]:
    """Name those who approved the change of `record`."""
    if isinstance(record, PromotionRecord | RollbackRecord | WaiveRecord):
        return tuple(approval.by for approval in record.approvals)
    return ()


def reason_of(record: AnyRecord) -> str:
    """Write the reason of `record` for people; empty without one."""
    if isinstance(record, ReviewRecord):
        return f"{record.incident} {'accepted' if record.accepted else 'objected'}: {record.reason}"
    if isinstance(record, PromotionRecord):
        glass = record.break_glass
        return f"break-glass for {glass.incident}: {glass.reason}" if glass else ""
    if isinstance(record, RefusalRecord):
        return record.message if record.count == 1 else f"{record.message} ({record.count} times)"
    return record.reason


def _took(record: AnyRecord, change: Change | None) -> float | None:
    """Return the time from request to effect, or the longest gate for a run without a change."""
    if change is not None:
        return (record.at - change.created_at).total_seconds()
    if not isinstance(record, PromotionRecord) or not record.gate_results:
        return None
    return max(gate.duration_ms for gate in record.gate_results) / 1000


def _change_of(record: AnyRecord) -> str | None:
    return record.change_id if isinstance(record, RejectionRecord) else None


def version_before(record: AnyRecord) -> str | None:
    """Return the version that the move replaced; None without one."""
    before = None
    if isinstance(record, RollbackRecord):
        before = record.previous_version
    elif isinstance(record, PromotionRecord) and record.previous:
        before = record.previous.version
    return before if before and before != record.subject_version and is_version(before) else None


def changes_by_record(store: ChangeStore) -> dict[str, Change]:
    """Return the newest changes by the IDs of their records; none if they cannot be read."""
    try:
        recent = store.recent(_CHANGES)
    except PromotionError:
        return {}
    return {change.record_id: change for change in recent if change.record_id}
