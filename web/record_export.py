"""Records as files: JSON lines and CSV, made while they are read."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from io import StringIO

from engine.bootstrap.server import CachedRecord
from engine.domain.canonical import canonical_json
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.selection import Selection
from engine.domain.text import iso_time, printable
from engine.responses.common import ErrorInfo
from engine.responses.record import Entry, RecordResponse
from web.history_rows import changes_by_record, make_row
from web.site import Site

_HEADS = (
    "time",
    "environment",
    "number",
    "kind",
    "event",
    "version",
    "digest",
    "operator",
    "operator_verified",
    "approved_by",
    "reason",
    "result",
    "took_seconds",
    "active_seconds",
    "change",
    "record",
    "record_digest",
)
# A spreadsheet runs a cell that begins with one of these as a formula; some are full-width.
_FORMULA = "=+-@\t\r\n＝＋－＠"


def shown_entries(site: Site, selection: Selection) -> Iterator[CachedRecord]:
    """
    Yield the records that the history shows, newest first, in bounded memory.

    They come from the copy of the ledgers, or from the registry while the copy is not complete.
    """
    site.records.refresh()
    if _is_complete(site, selection.environment):
        yield from site.records.walk(selection)
        return
    with closing(site.platform.engine.audit(selection)) as entries:
        for each in entries:
            yield CachedRecord(each.environment, each.sequence, each.digest, each.record)


def json_lines(entries: Iterator[Entry]) -> Iterator[bytes]:
    """One line for each record; the last one has the error of an incomplete export."""
    try:
        for entry in entries:
            yield canonical_json(RecordResponse.of(entry).document()) + b"\n"
    except PromotionError as error:
        # The response has started, so its last line reports the error.
        yield canonical_json({"error": ErrorInfo.of(error).document()}) + b"\n"


def csv_lines(site: Site, entries: Iterator[CachedRecord], now: datetime) -> Iterator[bytes]:
    """One line for each record, after the names of the columns; errors as in `json_lines`."""
    changes = changes_by_record(site.platform.store)
    running = {row.state.record for row in site.board.look().rows}
    yield _line(_HEADS)
    try:
        for kept in entries:
            row, record = make_row(kept, changes, kept.record.id in running, now), kept.record
            cells = (
                *(iso_time(record.at), kept.environment, kept.sequence, record.kind, row.event),
                *(row.version, record.subject_digest, record.operator, record.identity_verified),
                *("; ".join(row.approved_by), row.reason, row.result, row.took, row.active),
                *(row.change, record.id, kept.digest),
            )
            yield _line(cells)
    except PromotionError as error:
        yield _line((f"ERROR: the export is not complete: {error}",))


def _is_complete(site: Site, environment: str | None) -> bool:
    try:
        return site.records.error(environment) is None and not site.records.missing()
    except StoreUnavailableError:
        return False


def _line(cells: Iterable[object]) -> bytes:
    line = StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(map(_cell, cells))
    return line.getvalue().encode()


def _cell(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return "" if value is None else value
    text = str(value)
    harmless = text[:1] not in _FORMULA and text.lstrip()[:1] not in _FORMULA
    return printable(text if harmless or not text.strip() else f"'{text}")
