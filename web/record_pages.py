"""The pages about records: history, audit, one record, and exports."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

from flask import Response, render_template, request

from engine.attestation.statement import predicate_type
from engine.bootstrap.server import CachedRecord
from engine.domain.delivery import Undelivered
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.ledger import LedgerEntry
from engine.domain.record import RECORD_KINDS
from engine.domain.selection import Selection
from engine.responses.record import Entry, RecordResponse
from web.audit_texts import MEANINGS
from web.concurrency_limit import limit_concurrency
from web.history_query import asked, cursor, read_page
from web.history_rows import past
from web.page_blueprint import pages
from web.pages import running_records
from web.record_export import csv_lines, json_lines, shown_entries
from web.site import NoSuchPageError, Site, the_site
from web.version_matrix import grid

_PAGE = 50


@pages.get("/history")
def history() -> str:
    site, at = the_site(), the_site().platform.engine.now()
    query = asked(site.platform.engine.path, request.args, at, _PAGE)
    site.records.refresh()
    trouble, copied = site.records.error(query.selection.environment), True
    try:
        kept = read_page(site.records, query)
        matrix = None if query.after else grid(site, site.board.look(), request.args.get("older"))
        missing = site.records.missing()
    except StoreUnavailableError as error:
        if query.after:
            raise
        trouble, copied, matrix, missing = error, False, None, {}
        kept = _from_ledgers(site, query.selection, query.limit)
    shown = kept[: query.limit]
    more = cursor(shown[-1]) if len(kept) > query.limit else None
    return render_template(
        "history.html",
        rows=past(site, shown, running_records(site), at),
        grid=matrix,
        query=query,
        more=more,
        missing=missing,
        trouble=trouble,
        copied=copied,
        kinds=RECORD_KINDS,
        read_at=site.records.read_at if copied else None,
        now=at,
    )


@pages.get("/audit")
def audit() -> str:
    verified, running = the_site().auditor.look()
    undelivered, waiting, trouble = _untold()
    return render_template(
        "audit.html",
        verified=verified,
        running=running,
        undelivered=undelivered,
        waiting=waiting,
        trouble=trouble,
        meanings=MEANINGS,
        now=the_site().platform.engine.now(),
    )


@pages.get("/audit/records.jsonl")
def export() -> Response:
    """Stream the selected records from the ledgers as JSON lines."""
    site = the_site()
    query = asked(site.platform.engine.path, request.args, site.platform.engine.now(), _PAGE)

    def entries() -> Iterator[Entry]:
        with closing(site.platform.engine.audit(query.selection)) as found:
            yield from found

    return _file(json_lines(entries()), "application/jsonl", "jsonl")


@pages.get("/history/records.<any(csv, jsonl):format>")
def history_file(format: str) -> Response:
    """Stream the records that the history shows for the same filters, on all of its pages."""
    site, now = the_site(), the_site().platform.engine.now()
    query = asked(site.platform.engine.path, request.args, now, _PAGE)
    entries = shown_entries(site, query.selection)
    if format == "csv":
        return _file(csv_lines(site, entries, now), "text/csv", "csv")
    return _file(json_lines(entries), "application/jsonl", "jsonl")


def _file(lines: Iterator[bytes], kind: str, ending: str) -> Response:
    place = ExitStack()
    place.enter_context(limit_concurrency("export"))
    answer = Response(lines, mimetype=kind)
    # A slow reader keeps the place until the connection ends.
    answer.call_on_close(place.close)
    answer.headers["Content-Disposition"] = f'attachment; filename="floe-records.{ending}"'
    return answer


@pages.get("/environments/<name>/records/<int:number>")
def record(name: str, number: int) -> str:
    """Show one record, its signature, and how to verify it without this server."""
    site, engine = the_site(), the_site().platform.engine
    if name not in engine.path.names:
        raise NoSuchPageError(f"Environment '{name}' does not exist")
    with limit_concurrency("reading"):
        entry = engine.entry(name, number)
    if entry is None or entry.sequence != number:
        raise NoSuchPageError(f"The ledger of {name} has no record {number}")
    kept = CachedRecord(name, number, entry.digest, entry.record)
    (row,) = past(site, (kept,), running_records(site), engine.now())
    return render_template(
        "record.html",
        entry=entry,
        row=row,
        commands=_commands(site, entry),
        document=RecordResponse.of(entry).document(),
        now=engine.now(),
    )


def _commands(site: Site, entry: LedgerEntry) -> list[tuple[str, str]]:
    """Return pairs of a purpose and a command, which verify the record outside."""
    place, digest = site.platform.engine.reference, entry.record.subject_digest
    anchor = f"{entry.environment}#{entry.sequence}={entry.digest}"
    verify = f"floe platform audit verify --env {entry.environment} --anchor '{anchor}'"
    commands = [("Walk the whole ledger, and require this record in it", verify)]
    if "://" in place or place.startswith(("/", ".")):
        return commands
    fetched = f"oras manifest fetch {place}@{entry.digest}"
    commands.append(("Read the entry with its links to the earlier ones", fetched))
    if digest and entry.signer:
        kind = predicate_type(entry.record.kind, entry.environment)
        signed = (
            "cosign verify-attestation --key ledger.key.pub --insecure-ignore-tlog=true "
            f"--trusted-root root.json --type {kind} {place}@{digest}"
        )
        commands.append(("Verify the signature with the public key of the ledger", signed))
    return commands


def _untold() -> tuple[tuple[Undelivered, ...], int, PromotionError | None]:
    """Return failed deliveries, the number of waiting ones, and the error if both are unknown."""
    webhook_sender = the_site().platform.engine.webhooks
    try:
        return webhook_sender.undelivered(), webhook_sender.waiting(), None
    except PromotionError as error:
        return (), 0, error


def _from_ledgers(site: Site, selection: Selection, limit: int) -> tuple[CachedRecord, ...]:
    """Return the newest records from the registry, which takes longer than from the copy."""
    with closing(site.platform.engine.audit(selection, limit)) as entries:
        return tuple(CachedRecord(e.environment, e.sequence, e.digest, e.record) for e in entries)
