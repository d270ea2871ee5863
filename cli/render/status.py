"""What runs where, and what happened, for people and for programs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import ValidationError

from cli.output import Answer
from cli.render.entry import Entry, entry_document
from cli.render.table import show
from cli.render.told import ToldLastStatus, ToldPending
from engine.domain.errors import PromotionError, RegistryError
from engine.domain.record import AnyRecord, LockRecord, UnlockRecord
from engine.domain.state import LockState
from engine.domain.status import Alignment, EnvironmentStatus
from engine.domain.text import printable
from engine.responses.common import Document

_ALIGNMENT = {
    Alignment.EMPTY: "nothing promoted yet",
    Alignment.ALIGNED: "",
    Alignment.UNRECORDED: "published by the build",
    Alignment.UNKNOWN: "",
}


def with_history(
    row: EnvironmentStatus, read: Callable[[], Sequence[Entry]]
) -> tuple[EnvironmentStatus, Sequence[Entry] | None]:
    """`row` and its history, or with the error that left it without one."""
    if row.error is not None:
        return row, None
    try:
        return row, read()
    except RegistryError as error:
        return replace(row, error=error), None


def status_answer(
    rows: Sequence[EnvironmentStatus],
    documents: Sequence[Document],
    pending: Sequence[Sequence[ToldPending]],
    histories: Sequence[Sequence[Entry] | None] | None,
) -> Answer:
    """`documents`, `pending` and `histories` are those of each of `rows`."""
    errors = [row.error for row in rows if row.error]
    code = errors[0].exit_code if errors and len(errors) == len(rows) else 0
    lines = status_table(rows, pending)
    if histories is None:
        return Answer(list(documents), lines, code)
    found = [entry for entries in histories for entry in entries or ()]
    newest = sorted(found, key=lambda entry: entry.record.at, reverse=True)
    told = [
        document | {"history": None if own is None else [entry_document(each) for each in own]}
        for document, own in zip(documents, histories, strict=True)
    ]
    return Answer(told, [*lines, "", *history_table(newest)], code)


def last_read_lines(error: PromotionError, environment: str | None) -> list[str]:
    """What a server that cannot read the registry now read last, and when."""
    try:
        last = ToldLastStatus.model_validate(error.details)
    except ValidationError:
        return []
    rows = [row for row in last.last_known if environment in (None, row.environment)]
    versions = [f"{row.environment} {row.version or '-'}" for row in rows]
    return [f"Last read {when(last.read_at)}: {', '.join(versions)}"] if versions else []


def status_table(
    rows: Sequence[EnvironmentStatus], pending: Sequence[Sequence[ToldPending]]
) -> list[str]:
    """`pending` are the changes in flight to each of `rows`."""
    heads = ("ENVIRONMENT", "VERSION", "DIGEST", "BY", "SINCE", "NOTES")
    shown = [_status_row(row, changes) for row, changes in zip(rows, pending, strict=True)]
    return show("What runs where", heads, shown)


def history_table(entries: Sequence[Entry]) -> list[str]:
    heads = ("WHEN", "WHAT", "ENVIRONMENT", "VERSION", "BY", "RECORD")
    return show("What happened, newest first", heads, [_history_row(entry) for entry in entries])


def _status_row(status: EnvironmentStatus, pending: Sequence[ToldPending]) -> tuple[str, ...]:
    state = status.state
    digest = str(status.latest) if status.latest else "-"
    # Who promoted the version that should run did not deploy the one that does.
    by, since = (None, None) if status.drifted else (state.operator, state.since)
    behind = [f"{each.registry}: {each.error}" for each in status.registry_sync if each.error]
    notes = [
        _alignment(status),
        _locked(status.lock),
        *map(_in_flight, pending),
        *map(printable, behind),
    ]
    return (
        status.name,
        printable(_version_shown(status)),
        digest[:19],
        printable(by or "-"),
        when(since),
        "; ".join(note for note in notes if note),
    )


def _alignment(status: EnvironmentStatus) -> str:
    if status.error is not None:
        return printable(f"error: {status.error}")
    if status.drifted:
        return f"drifted: {status.deviation}: {status.restore_command}"
    if status.deviates:
        return f"completing: {status.deviation}"
    if status.published:
        return _ALIGNMENT[Alignment.UNRECORDED]
    return _ALIGNMENT[status.alignment]


def _version_shown(status: EnvironmentStatus) -> str:
    if status.deviates or not status.known:
        return status.deployed_version or "?"
    return status.state.version or status.published or "-"


def _in_flight(change: ToldPending) -> str:
    verb = "rolling back to" if change.action == "rollback" else "promoting"
    given = f", {change.required - change.missing_approvals} of {change.required} approvals"
    state = change.state.replace("_", " ") + (given if change.required else "")
    return printable(f"{verb} {change.version}: {state} ({change.change_id})")


def _locked(lock: LockState | None) -> str:
    if lock is None:
        return ""
    until = f" until {when(lock.expires_at)}" if lock.expires_at else ""
    return f"locked by {printable(lock.operator)}{until}: {printable(lock.reason)}"


def _history_row(entry: Entry) -> tuple[str, ...]:
    record = entry.record
    return (
        when(record.at),
        record.kind,
        entry.environment,
        _version(record),
        printable(record.operator),
        record.id,
    )


def _version(record: AnyRecord) -> str:
    """Locks are of no version, and neither is who is refused one."""
    version = None if isinstance(record, LockRecord | UnlockRecord) else record.version
    return printable(version or "-")


def when(at: datetime | None) -> str:
    """A time for people, with its zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "-"
