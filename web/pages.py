"""The pages. They only read: web/form_actions.py changes things."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from engine.bootstrap.server import CachedRecord
from engine.domain.canonical import canonical_json
from engine.domain.change import Change
from engine.domain.delivery import Undelivered
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.selection import Selection
from engine.responses.common import ErrorInfo
from engine.responses.record import RecordResponse
from web.authentication import may_look, must_view, visitor
from web.badges import question
from web.change_timeline import progress, steps
from web.dashboard import cards, obstacles, problems
from web.history_query import asked, cursor
from web.history_rows import PastRow, past
from web.site import NoSuchPageError, Site, shared, the_site
from web.version_matrix import grid, newest

_PAGE = 50
_RECENT = 8
_CHANGES = 50

pages = Blueprint("pages", __name__)


@pages.before_request
def admit() -> AnyResponse | None:
    """Redirect visitors who must sign in first."""
    if may_look():
        must_view()
        return None
    return redirect(url_for("sign_in.offer", next=request.full_path.rstrip("?")), 303)


@pages.get("/")
def now() -> str:
    site, at = the_site(), _now()
    seen = site.board.look()
    return render_template(
        "now.html",
        seen=seen,
        cards=cards(site, seen, at),
        obstacles=obstacles(seen),
        problems=problems(site, seen),
        versions=newest(site, seen),
        recent=_past(site, Selection(), _RECENT),
        now=at,
    )


@pages.get("/history")
def history() -> str:
    site, at = the_site(), _now()
    query = asked(site.platform.engine.path, request.args, at, _PAGE)
    site.records.refresh()
    trouble, copied = site.records.error(query.selection.environment), True
    try:
        kept = site.records.store.page(query.selection, query.limit + 1, query.after)
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
        rows=past(site, shown, _running(site), at),
        grid=matrix,
        query=query,
        more=more,
        missing=missing,
        trouble=trouble,
        copied=copied,
        read_at=site.records.read_at if copied else None,
        now=at,
    )


@pages.get("/changes")
def changes() -> str:
    site, store = the_site(), the_site().platform.store
    before = request.args.get("before") or None
    seen = site.board.with_pending()
    found = () if seen.store_error else store.recent(_CHANGES + 1, before)
    return render_template(
        "changes.html",
        seen=seen,
        open_changes=() if before else seen.pending[::-1],
        ended=[change for change in found[:_CHANGES] if not change.open],
        more=found[_CHANGES - 1].id if len(found) > _CHANGES else None,
        now=_now(),
        site=site,
    )


@pages.get("/changes/<change_id>")
def change(change_id: str) -> str:
    site = the_site()
    seen = site.board.change(change_id)
    if seen is None:
        raise NoSuchPageError(f"Change '{change_id}' does not exist")
    found = seen.change
    return render_template(
        "change.html",
        change=found,
        seen=seen,
        steps=steps(found),
        # A store that does not answer is asked once for each page.
        progress=None if seen.error else progress(site, found),
        difference=_difference(site, found),
        proof=None if seen.error else _proof(site, found),
        thread=None if seen.error else _thread(found),
        lock=_lock(site, found),
        ask=_question(site, found),
        own=_own(found),
        approved=_approved(found),
        now=_now(),
    )


@pages.get("/environments/<name>")
def environment(name: str) -> str:
    site, at = the_site(), _now()
    if name not in site.platform.engine.path.names:
        raise NoSuchPageError(f"Environment '{name}' does not exist")
    seen = site.board.look()
    site.records.refresh()
    return render_template(
        "environment.html",
        name=name,
        rules=site.platform.engine.path.environment(name),
        seen=seen,
        card=next((c for c in cards(site, seen, at) if c.status.name == name), None),
        right=None if (person := visitor()) is None else site.platform.may_promote(person, name),
        rows=_past(site, Selection(environment=name), _PAGE),
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
        now=_now(),
    )


@pages.get("/audit/records.jsonl")
def export() -> Response:
    """Stream the selected records from the ledgers as JSON lines."""
    site = the_site()
    query = asked(site.platform.engine.path, request.args, _now(), _PAGE)

    def lines() -> Iterator[bytes]:
        try:
            with closing(site.platform.engine.audit(query.selection)) as entries:
                for entry in entries:
                    yield canonical_json(RecordResponse.of(entry).document()) + b"\n"
        except PromotionError as error:
            # The response has started, so its last line reports the error.
            yield canonical_json({"error": ErrorInfo.of(error).document()}) + b"\n"

    answer = Response(lines(), mimetype="application/jsonl")
    answer.headers["Content-Disposition"] = 'attachment; filename="floe-records.jsonl"'
    return answer


def change_of(change_id: str) -> Change:
    """Return the change with that ID; NoSuchPageError without one."""
    found = the_site().platform.store.get(change_id)
    if found is None:
        raise NoSuchPageError(f"Change '{change_id}' does not exist")
    return found


def _now() -> datetime:
    return the_site().platform.engine.now()


def _past(site: Site, selection: Selection, limit: int) -> tuple[PastRow, ...] | None:
    """Return history rows; None while the local copy of the records cannot be read."""
    try:
        return past(site, site.records.store.page(selection, limit), _running(site), _now())
    except PromotionError:
        return None


def _from_ledgers(site: Site, selection: Selection, limit: int) -> tuple[CachedRecord, ...]:
    """Return the newest records from the registry, which takes longer than from the copy."""
    with closing(site.platform.engine.audit(selection, limit)) as entries:
        return tuple(CachedRecord(e.environment, e.sequence, e.digest, e.record) for e in entries)


def _running(site: Site) -> frozenset[str]:
    rows = site.board.look().rows
    return frozenset(row.state.record for row in rows if row.state.record)


def _difference(site: Site, found: Change) -> object:
    """Return the difference, a sentence if it is unknown, or None without one."""
    agreed = found.fingerprint
    running = agreed.running_digest if agreed else None
    if running is None and found.open:
        row = site.board.look().row(found.target)
        running = row.state.digest if row else None
    if not running or not found.digest or running == found.digest:
        return None
    try:
        return site.compare(running, found.digest)
    except PromotionError as error:
        return str(error)


def _proof(site: Site, found: Change) -> tuple[CachedRecord, str] | None:
    """Return the record of a change, and whether the ledger's head proves it."""
    try:
        kept = site.records.store.by_id(found.record_id) if found.record_id else None
        if kept is None:
            return None
        entry = site.platform.engine.entry(kept.environment, kept.sequence)
    except PromotionError as error:
        return None if found.record_id is None else _unproven(site, found.record_id, str(error))
    proven = entry is not None and entry.digest == kept.digest
    return kept, "proven" if proven else "altered"


def _unproven(site: Site, record_id: str, why: str) -> tuple[CachedRecord, str] | None:
    try:
        kept = site.records.store.by_id(record_id)
    except PromotionError:
        return None
    return (kept, why) if kept else None


def _lock(site: Site, found: Change) -> object:
    row = site.board.look().row(found.target) if found.open else None
    return row.lock if row else None


def _untold() -> tuple[tuple[Undelivered, ...], int, PromotionError | None]:
    """Return failed deliveries, the number of waiting ones, and the error if both are unknown."""
    webhook_sender = the_site().platform.engine.webhooks
    try:
        return webhook_sender.undelivered(), webhook_sender.waiting(), None
    except PromotionError as error:
        return (), 0, error


def _thread(found: Change) -> str | None:
    """Return the link to the Slack thread; None while the bot's store cannot be read."""
    try:
        return shared().thread(found.id)
    except StoreUnavailableError:
        return None


def _question(site: Site, found: Change) -> str | None:
    """Return the question before an approval by the visitor; None if they may not approve."""
    person = visitor()
    if person is None or not site.platform.changes.awaits(found, person):
        return None
    return question(found, last=site.platform.completes(found, person))


def _own(found: Change) -> bool:
    person = visitor()
    return person is not None and found.requester.same_as(person)


def _approved(found: Change) -> bool:
    person = visitor()
    return person is not None and found.approved_by(person)
